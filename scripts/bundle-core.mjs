// Puts the modules that one entry loads at once into a single file, the core. esbuild's code splitting would
// spread them over a chunk for each set of entries that share them, and Node.js takes more than a millisecond
// to find and link each file. Other entries import what they need of these modules from the core, so a module
// still exists once in a thread.
import { dirname, join, relative } from 'node:path';

/** The modules that the entry loads at once, without the entry itself. */
function loadedAtOnce(inputs, entry) {
  const seen = new Set();
  const waiting = [entry];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    for (const { path: imported, kind, external } of inputs[path].imports) {
      if (kind !== 'import-statement' || external || seen.has(imported)) continue;
      seen.add(imported);
      waiting.push(imported);
    }
  }
  return [...seen];
}

/** @returns for each module the names that it exports */
async function exportsOf(build, options, modules) {
  const { metafile } = await build({
    ...options,
    entryPoints: modules,
    plugins: [],
    bundle: false,
    splitting: false,
  });
  const { outputs } = metafile;
  return new Map(Object.values(outputs).map(({ entryPoint, exports }) => [entryPoint, exports]));
}

/** The name in the core of what a module exports. It differs where several modules export that name. */
function namesInCore(exported) {
  const seen = new Map();
  return new Map(
    [...exported].map(([path, names]) => [
      path,
      names.map((name) => {
        const times = (seen.get(name) ?? 0) + 1;
        seen.set(name, times);
        return { name, inCore: times === 1 ? name : `${name}_${times}` };
      }),
    ]),
  );
}

const listOf = (names, text) => `export { ${names.map(text).join(', ')} }`;

/** Resolves imports of the modules in the core to its file. */
const fromCore = (root, names, url) => ({
  name: 'from-core',
  setup(bundler) {
    bundler.onResolve({ filter: /^\./ }, ({ path, importer }) => {
      const module = relative(root, join(dirname(importer), path.replace(/\.js$/, '.ts')));
      const list = names.get(module);
      if (list === undefined) return undefined;
      const isRenamed = list.some(({ name, inCore }) => name !== inCore);
      return isRenamed ? { path: module, namespace: 'renamed' } : { path: url, external: true };
    });
    bundler.onLoad({ filter: /./, namespace: 'renamed' }, ({ path }) => {
      const list = listOf(names.get(path), ({ name, inCore }) => `${inCore} as ${name}`);
      return { contents: `${list} from ${JSON.stringify(url)};` };
    });
    bundler.onResolve({ filter: /./, namespace: 'renamed' }, () => ({ path: url, external: true }));
  },
});

/**
 * @param build esbuild's
 * @param options esbuild's
 * @param entry the entry whose modules are the core: a path from `options.absWorkingDir`
 * @param urlOf makes the specifier by which the files of the output import the core, from its name
 * @returns the results of esbuild for the core, and for the bundle that imports it
 */
export async function bundleWithCore(build, options, entry, urlOf) {
  const root = options.absWorkingDir;
  const { metafile } = await build({ ...options, entryPoints: [entry] });
  const names = namesInCore(await exportsOf(build, options, loadedAtOnce(metafile.inputs, entry)));
  const contents = [...names].map(
    ([path, list]) =>
      `${listOf(list, ({ name, inCore }) => `${name} as ${inCore}`)} from ${JSON.stringify(`./${path}`)};`,
  );
  const core = await build({
    ...options,
    entryPoints: undefined,
    stdin: { contents: contents.join('\n'), resolveDir: root },
    entryNames: 'core-[hash]',
    splitting: false,
  });
  const file = core.outputFiles.find(({ path }) => path.endsWith('.js')).path;
  const url = urlOf(relative(options.outdir, file));
  const rest = await build({ ...options, plugins: [fromCore(root, names, url), ...options.plugins] });
  return [core, rest];
}
