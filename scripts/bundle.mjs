// Bundles what a running process loads into few files below dist/bundle, because loading hundreds of modules
// is most of a start: each file is found, read and compiled by each thread anew. The modules themselves stay
// in dist beside it, for types, tests, and runs with `--conditions=multilane-unbundled`.
//
// All entries are bundled in one run, with code splitting: what two entries need is in a chunk that both
// import. So every module exists once in a thread, and a project that imports `multilane` gets the very
// classes that the runtime compares with (`instanceof HttpError`). Packages are bundled in a run of their own,
// below dist/packages: a stalled worker is judged by the files of its stack, and code of packages, which runs
// on the data of clients, must not look like code of the runtime (cluster/stack-frames.ts).
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWithCore } from './bundle-core.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCE = join(ROOT, 'src');
const OUTPUT = join(ROOT, 'dist/bundle');
const PACKAGES = join(ROOT, 'dist/packages');
/** It is written last. */
const LICENCES = join(OUTPUT, 'LICENSES.txt');
/** The names of the files of the last runs, the newest first. */
const OUTPUTS = join(OUTPUT, 'outputs.json');
/** Which modules each file contains. */
const MODULES = join(OUTPUT, 'modules.json');
/** Runs whose files are kept, because a process that runs may load them at any time. */
const KEPT_RUNS = 8;

/** The modules that are loaded from outside: the public interface, and one for each kind of thread. */
const ENTRIES = [
  'index',
  'testing',
  'primary/run',
  'worker/start-worker',
  'cpu/task-thread',
  'cli/run-cli',
  'cli/dev/probe',
];
/**
 * These modules stay outside, because their frames count as code of services (cluster/stack-frames.ts). They
 * import only the public interface, or types.
 */
const OWN_SERVICES = ['services/catalog', 'worker/system-routes'];
/**
 * The packages that are bundled, with what they depend on. All others are loaded at first use, or need their
 * own files.
 */
const BUNDLED = /^(@sinclair\/typebox|cookie|forwarded-parse|pino|prom-client)(\/|$)/;

/**
 * TypeBox is in two files: what declares schemas, which `import 'multilane'` loads, and what checks values. Of the
 * other parts only these names are used.
 */
const TYPEBOX = {
  typebox: { '@sinclair/typebox': undefined, '@sinclair/typebox/system': ['TypeSystemPolicy'] },
  'typebox-checks': {
    '@sinclair/typebox/compiler': ['TypeCheck', 'TypeCompiler', 'TypeCompilerUnknownTypeError'],
    '@sinclair/typebox/errors': ['SetErrorFunction'],
    '@sinclair/typebox/value': ['Value'],
  },
};

const isBuiltin = (path) => path.startsWith('node:') || builtinModules.includes(path);
/** A package that bundled ones use, and that exists once in a thread. */
const SHARED = '@opentelemetry/api';
/** The name of the file that has what is imported by a specifier. */
const fileOf = (specifier) => Object.keys(TYPEBOX).find((file) => specifier in TYPEBOX[file]) ?? specifier;

/**
 * Decides for each import of the runtime whether it is in the bundle.
 * @param packages gets the bundled packages that are imported
 */
const resolving = (packages) => ({
  name: 'resolving',
  setup(bundler) {
    bundler.onResolve({ filter: /^[^.]/ }, ({ path, kind }) => {
      if (kind === 'entry-point') return undefined;
      if (!BUNDLED.test(path)) return { path, external: true };
      packages.add(fileOf(path));
      return { path: `#packages/${fileOf(path)}.js`, external: true };
    });
    bundler.onResolve({ filter: /^\./ }, ({ path, importer }) => {
      const module = relative(SOURCE, join(dirname(importer), path.replace(/\.js$/, '')));
      return OWN_SERVICES.includes(module) ? { path: `#src/${module}.js`, external: true } : undefined;
    });
  },
});

/** An entry for each package, which exports the names that Node.js finds in it. */
const packageEntries = {
  name: 'package-entries',
  setup(bundler) {
    bundler.onResolve({ filter: /./ }, ({ path, kind }) => {
      if (kind === 'entry-point') return { path, namespace: 'package' };
      if (isBuiltin(path)) {
        return kind === 'require-call' ? { path, namespace: 'builtin' } : { path, external: true };
      }
      if (path !== SHARED) return undefined;
      return kind === 'require-call' ? { path, namespace: 'shared' } : { path, external: true };
    });
    bundler.onLoad({ filter: /./, namespace: 'package' }, async ({ path }) => {
      const lines = Object.entries(TYPEBOX[path] ?? { [path]: undefined }).map(async ([specifier, used]) => {
        const names = used ?? Object.keys(await import(specifier)).filter((name) => /^[\w$]+$/.test(name));
        return `export { ${names.join(', ')} } from '${specifier}';`;
      });
      return { contents: (await Promise.all(lines)).join('\n'), resolveDir: ROOT };
    });
    // A chunk is an ECMAScript module, where a package in CommonJS cannot call `require`.
    bundler.onLoad({ filter: /./, namespace: 'shared' }, ({ path }) => ({
      contents: `export * from '${path}';`,
      resolveDir: ROOT,
    }));
    bundler.onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};

/** The URL of dist, in any file of the bundle. */
const DIST_URL = 'import.meta.url.slice(0, import.meta.url.lastIndexOf("/bundle/") + 1)';

/** Gives each module the URL that it has without the bundle, by which it finds the files beside it. */
const moduleUrls = {
  name: 'module-urls',
  setup(bundler) {
    bundler.onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path }) => {
      const text = readFileSync(path, 'utf8');
      if (!text.includes('import.meta.url')) return undefined;
      const url = relative(SOURCE, path).replace(/ts$/, 'js');
      const { code } = await bundler.esbuild.transform(text, {
        loader: 'ts',
        target: 'node20',
        define: { 'import.meta.url': 'MODULE_URL' },
        banner: `const MODULE_URL = new URL(${JSON.stringify(url)}, ${DIST_URL}).href;`,
      });
      return { contents: code, loader: 'js' };
    });
  },
};

/** Names of the file with the terms of a package. */
const LICENCE = /^(licen[cs]e)(\.md|\.txt)?$/i;

/** The licences of the packages in the bundle, which demand to be passed on with the code. */
function licencesOf(inputs) {
  const folders = inputs
    .flatMap(Object.keys)
    .flatMap((path) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []);
  return [...new Set(folders)]
    .sort((a, b) => (a < b ? -1 : 1))
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'));
      const file = readdirSync(join(ROOT, folder)).find((one) => LICENCE.test(one));
      const terms = file === undefined ? '' : readFileSync(join(ROOT, folder, file), 'utf8').trim();
      return `${name} ${version} (${license})\n\n${terms}\n`;
    });
}

const COMMON = {
  absWorkingDir: ROOT,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  legalComments: 'none',
  // A fifth of the package. Names stay, and lines stay short, so that stacks say where they come from.
  minifyWhitespace: true,
  lineLimit: 120,
  metafile: true,
  write: false,
};

/** The other files have a hash of their content in their names. */
const isEntry = (path) => !/-[0-9A-Z]{8}\.js(\.map)?$/.test(path);
/** A list that was not written to its end is like none. */
function lastRuns() {
  try {
    return JSON.parse(readFileSync(OUTPUTS, 'utf8'));
  } catch {
    return [];
  }
}

function writeAtOnce(path, contents) {
  const written = `${path}.${process.pid}`;
  writeFileSync(written, contents);
  renameSync(written, path);
}

/**
 * Makes an entry fail in a thread that has loaded one of another build: that thread would have classes twice,
 * and `instanceof` would be false for half of them.
 */
const checked = (contents, build) => `${Buffer.from(contents).toString()}
const loaded = (globalThis[Symbol.for('multilane.build')] ??= { build: '${build}', by: import.meta.url });
if (loaded.build !== '${build}') {
  const files = \`\${loaded.by} and \${import.meta.url}\`;
  throw new Error(\`\${files} are of two builds of multilane: start again, and let the project use one installation\`);
}
`;

/**
 * Writes the files so that a process that starts or runs meanwhile finds a whole bundle: those with a hash in
 * their names first, then the entries that import them, each at once.
 */
function write(files) {
  const names = files.map(({ path }) => relative(ROOT, path));
  const build = createHash('sha256');
  const inOrder = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  for (const { contents } of inOrder) build.update(contents);
  const id = build.digest('hex').slice(0, 16);
  for (const { path, contents } of files.toSorted((a, b) => isEntry(a.path) - isEntry(b.path))) {
    mkdirSync(dirname(path), { recursive: true });
    const isOfRuntime = path.startsWith(OUTPUT) && path.endsWith('.js') && isEntry(path);
    writeAtOnce(path, isOfRuntime ? checked(contents, id) : contents);
  }
  keepRuns([names, ...lastRuns()].slice(0, KEPT_RUNS));
}

/** Removes the files of all other runs. */
function keepRuns(runs) {
  const wanted = new Set(runs.flat().map((name) => join(ROOT, name)));
  for (const folder of [OUTPUT, PACKAGES]) {
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      const path = join(folder, name);
      if (/\.(js|map)(\.\d+)?$/.test(name) && !wanted.has(path)) rmSync(path, { force: true });
    }
  }
  writeAtOnce(OUTPUTS, JSON.stringify(runs));
}

/** The files that a published package contains. */
export const filesOfLastRun = () => lastRuns()[0];

/** The paths of the modules in each file, which has no comments that would name them. */
const modulesOf = (results) =>
  Object.fromEntries(
    results
      .flatMap(({ metafile }) => Object.entries(metafile.outputs))
      .map(([file, { inputs }]) => [
        file,
        Object.keys(inputs).filter((path) => inputs[path].bytesInOutput > 0),
      ]),
  );

/** Whether a run has come to its end. A run that was interrupted has left the stamp of the build removed. */
export const isBundled = () => existsSync(LICENCES);

/** @returns {Promise<boolean>} false when esbuild has failed; it has written the reason to stderr */
export async function bundle() {
  // This file is also imported before anything is installed.
  const { build } = await import('esbuild');
  const packages = new Set();
  try {
    const runtime = await bundleWithCore(
      build,
      {
        ...COMMON,
        entryPoints: ENTRIES.map((entry) => join(SOURCE, `${entry}.ts`)),
        outbase: SOURCE,
        outdir: OUTPUT,
        plugins: [resolving(packages), moduleUrls],
      },
      'src/index.ts',
      (file) => `#src/bundle/${file}`,
    );
    // TypeBox by itself, so that it does not share a chunk of esbuild's own helpers with the others.
    const files = [...packages];
    const parts = [files.filter((file) => file in TYPEBOX), files.filter((file) => !(file in TYPEBOX))];
    const libraries = await Promise.all(
      parts.map((entryPoints) =>
        build({ ...COMMON, entryPoints, outdir: PACKAGES, plugins: [packageEntries] }),
      ),
    );
    const results = [...libraries, ...runtime];
    write(results.flatMap(({ outputFiles }) => outputFiles));
    writeAtOnce(MODULES, JSON.stringify(modulesOf(results)));
    writeAtOnce(LICENCES, licencesOf(libraries.map(({ metafile }) => metafile.inputs)).join('\n---\n\n'));
    return true;
  } catch (error) {
    if (error.errors === undefined) throw error;
    return false;
  }
}
