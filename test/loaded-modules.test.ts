// What `import 'multilane'` and the quick commands load, as lists: the time of a start follows from them.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { cleanEnvironment, ROOT } from './support/cluster.js';

/** Makes Node.js print the URL of each file that it loads as an ECMAScript module. */
const HOOKS = `export async function load(url, context, next) {
  if (url.startsWith('file:')) process._rawDebug('loads ' + url);
  return next(url, context);
}`;
const REGISTER = `import { register } from 'node:module'; register(${JSON.stringify(dataUrl(HOOKS))});`;

function dataUrl(code: string): string {
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

/** The modules of Node.js that take long to load, and that a definition of services does not need. */
const HEAVY = ['crypto', 'fs/promises', 'http', 'http2', 'https', 'net', 'tls', 'zlib'];
/** The packages below node_modules that an ECMAScript or CommonJS module of ours may load. */
const LIBRARIES = /[\\/]node_modules[\\/]/;

interface Loaded {
  /** Files from the root of the repository, without the hashes in their names. */
  readonly files: readonly string[];
  readonly stdout: string;
}

function loadedBy(...args: readonly string[]): Loaded {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--import', dataUrl(REGISTER), ...args], {
    cwd: ROOT,
    env: cleanEnvironment(),
    encoding: 'utf8',
  });
  expect(status, stderr).to.equal(0);
  const root = pathToFileURL(join(ROOT, '/')).href;
  const files = [...stderr.matchAll(/^loads (.*)$/gm)].map(([, url]) => {
    expect(url!.startsWith(root), url).to.equal(true);
    return fileURLToPath(url!)
      .slice(fileURLToPath(root).length)
      .replace(/-[0-9A-Z]{8}\.js$/, '-….js');
  });
  return { files: files.sort(), stdout };
}

const IMPORT = (specifier: string): readonly string[] => [
  '--input-type=module',
  '--eval',
  `await import('${specifier}');
   const { default: { _cache } } = await import('node:module');
   console.log(JSON.stringify({
     required: Object.keys(_cache),
     builtins: process.moduleLoadList.filter((name) => name.startsWith('NativeModule ')).map((name) => name.slice(13)),
   }));`,
];

describe('what is loaded', () => {
  it("by `import 'multilane'` is the core and TypeBox, no other library, and little of Node.js", () => {
    const { files, stdout } = loadedBy(...IMPORT('multilane'));
    expect(files).to.deep.equal([
      'dist/bundle/core-….js',
      'dist/bundle/index.js',
      'dist/packages/chunk-….js',
      'dist/packages/typebox.js',
    ]);
    expect(JSON.parse(stdout)).to.have.property('required').that.deep.equals([]);
  });

  it("of Node.js by `import 'multilane'` is nothing that takes long", () => {
    const run = (specifier: string): readonly string[] => {
      const stdout = spawnSync(process.execPath, IMPORT(specifier), {
        cwd: ROOT,
        env: cleanEnvironment(),
        encoding: 'utf8',
      }).stdout;
      return (JSON.parse(stdout) as { readonly builtins: readonly string[] }).builtins;
    };
    const before = new Set(run('node:url'));
    const added = run('multilane').filter((name) => !before.has(name));
    // Node.js 22 and later load `net` themselves, with a part of Node.js that the core imports.
    const loadsNet = Number(process.versions.node.split('.')[0]) >= 22;
    const heavy = HEAVY.filter((name) => !(loadsNet && name === 'net'));
    expect(heavy.filter((name) => added.includes(name))).to.deep.equal([]);
  });

  it("by `import 'multilane/testing'` is no library but the bundled ones, and not the process", () => {
    const { files, stdout } = loadedBy(...IMPORT('multilane/testing'));
    expect(files.filter((file) => LIBRARIES.test(file) || file.includes('primary/'))).to.deep.equal([]);
    const { required } = JSON.parse(stdout) as { readonly required: readonly string[] };
    expect(required).to.deep.equal([]);
  });

  it('by `multilane --version` is the command alone', () => {
    const { files, stdout } = loadedBy('dist/cli.js', '--version');
    expect(files).to.deep.equal(['dist/cli.js', 'scripts/platform.mjs']);
    expect(stdout).to.match(/^\d+\.\d+\.\d+\S*\n$/);
  });

  it('by `multilane --help` is no library but commander, and nothing of what runs services', () => {
    const { files } = loadedBy('dist/cli.js', '--help');
    const allowed =
      /^(dist\/(cli|bundle\/(cli\/run-cli|core-…|chunk-…))\.js|scripts\/platform\.mjs|node_modules\/commander\/.*)$/;
    expect(files.filter((file) => !allowed.test(file))).to.deep.equal([]);
  });
});
