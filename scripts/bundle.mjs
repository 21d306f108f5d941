// Bundles what a running process loads into few files below dist/bundle, because loading hundreds of modules
// is most of a start: each file is found, read and compiled by each thread anew. The modules themselves stay
// in dist beside it, for types, tests, and runs with `--conditions=multilane-unbundled`.
//
// All entries are bundled in one run, with code splitting: what two entries need is in a chunk that both
// import. So every module exists once in a thread, and a project that imports `multilane` gets the very
// classes that the runtime compares with (`instanceof HttpError`).
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCE = join(ROOT, 'src');
const OUTPUT = join(ROOT, 'dist/bundle');

/** The modules that are loaded from outside: the public interface, and one for each kind of thread. */
const ENTRIES = ['index', 'testing', 'primary/run', 'worker/start-worker', 'cpu/task-thread', 'cli/run-cli'];
/**
 * These modules stay outside, because their frames count as code of services (cluster/stack-frames.ts). They
 * import only the public interface, or types.
 */
const OWN_SERVICES = ['services/catalog', 'worker/system-routes'];
/**
 * Packages in the bundle, with what they depend on. All others are loaded at first use, or need their own
 * files.
 */
const BUNDLED = /^(@sinclair\/typebox|cookie|forwarded-parse|pino|prom-client)(\/|$)/;

const isBuiltin = (path) => path.startsWith('node:') || builtinModules.includes(path);
const isOfPackage = (importer) => importer.includes('/node_modules/');

/** What is in the bundle, and what its files import. */
const resolving = {
  name: 'resolving',
  setup(bundler) {
    bundler.onResolve({ filter: /^[^.]/ }, ({ path, importer, kind }) => {
      if (kind === 'entry-point') return undefined;
      if (isBuiltin(path)) {
        return kind === 'require-call' ? { path, namespace: 'builtin' } : { path, external: true };
      }
      return BUNDLED.test(path) || isOfPackage(importer) ? undefined : { path, external: true };
    });
    bundler.onResolve({ filter: /^\./ }, ({ path, importer }) => {
      const module = relative(SOURCE, join(dirname(importer), path.replace(/\.js$/, '')));
      return OWN_SERVICES.includes(module) ? { path: `#src/${module}.js`, external: true } : undefined;
    });
    // A chunk is an ECMAScript module, where a package in CommonJS cannot call `require`.
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
        sourcefile: path,
        sourcemap: 'inline',
        sourcesContent: false,
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
  const folders = Object.keys(inputs).flatMap(
    (path) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? [],
  );
  return [...new Set(folders)].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'));
    const file = readdirSync(join(ROOT, folder)).find((one) => LICENCE.test(one));
    const terms = file === undefined ? '' : readFileSync(join(ROOT, folder, file), 'utf8').trim();
    return `${name} ${version} (${license})\n\n${terms}\n`;
  });
}

/** @throws Error when esbuild fails; it has written the reason to stderr */
export async function bundle() {
  // This file is also imported before anything is installed.
  const { build } = await import('esbuild');
  rmSync(OUTPUT, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: ENTRIES.map((entry) => join(SOURCE, `${entry}.ts`)),
    outbase: SOURCE,
    outdir: OUTPUT,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: true,
    sourcesContent: false,
    legalComments: 'none',
    metafile: true,
    plugins: [resolving, moduleUrls],
  });
  writeFileSync(join(OUTPUT, 'LICENSES.txt'), licencesOf(metafile.inputs).join('\n---\n\n'));
}
