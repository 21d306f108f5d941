// Builds what was changed: TypeScript by `tsc -b`, then everything tsc does not carry over (.sql, .html, ...).
// An output whose source is gone is removed, or a deleted migration or test would live on.
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What a running cluster needs: source folder -> where its outputs go. */
const PRODUCT = [
  { source: 'src', output: 'dist' },
  { source: 'workers', output: 'dist/workers' },
];
const EVERYTHING = [
  ...PRODUCT,
  { source: 'test', output: 'build/test' },
  { source: 'bench', output: 'build/bench' },
];
/** Files of other packages that are served to browsers: ours to ship, so that users need not install the package. */
const VENDORED = [
  {
    source: 'node_modules/swagger-ui-dist',
    files: [
      'swagger-ui.css',
      'swagger-ui-bundle.js',
      'swagger-ui-bundle.js.LICENSE.txt',
      'LICENSE',
      'NOTICE',
    ],
    /** Served with a compressed copy beside each, so that no request compresses them. */
    compressed: ['swagger-ui.css', 'swagger-ui-bundle.js'],
    output: 'dist',
    folder: 'vendor/swagger-ui',
  },
];
/** Neither inputs of the build nor outputs of it. */
const ASIDE = ['bench/results', 'dist/workers'].map((path) => join(ROOT, path));

/** Its time is the moment the last complete build of the product began. */
const STAMP = join(ROOT, 'dist/.built');

function* filesBelow(folder, base = folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) yield relative(base, path);
    else if (!ASIDE.includes(path)) yield* filesBelow(path, base);
  }
}

const isCompiled = (file) => file.endsWith('.ts') && !file.endsWith('.d.ts');
const isAsset = (file) => !/\.ts$|\.md$|(^|\/)tsconfig\.json$/.test(file);
const isBuildInfo = (file) => /^([^/]+\.tsbuildinfo|\.built)$/.test(file);

function outputsOf(file) {
  if (!isCompiled(file)) return isAsset(file) ? [file] : [];
  return ['.js', '.js.map', '.d.ts'].map((ending) => file.slice(0, -'.ts'.length) + ending);
}

function copyAssets({ source, output }) {
  for (const file of filesBelow(join(ROOT, source))) {
    if (isAsset(file)) copyNewer(join(ROOT, source, file), join(ROOT, output, file));
  }
}

function copyVendored(output) {
  for (const { source, files, compressed, folder } of vendoredInto(output)) {
    for (const file of files) copyNewer(join(ROOT, source, file), join(ROOT, output, folder, file));
    for (const file of compressed) {
      for (const [ending, compress] of Object.entries(CODERS)) {
        writeNewer(join(ROOT, source, file), join(ROOT, output, folder, file + ending), compress);
      }
    }
  }
}

/** Quality 9 of brotli makes a tenth more than 11, in a twentieth of the time. */
const CODERS = {
  '.br': (bytes) =>
    zlib.brotliCompressSync(bytes, {
      params: {
        [zlib.constants.BROTLI_PARAM_QUALITY]: 9,
        [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      },
    }),
  '.gz': (bytes) => zlib.gzipSync(bytes, { level: 9 }),
};

const vendoredInto = (output) => VENDORED.filter((entry) => entry.output === output);

function copyNewer(from, to) {
  if (!isOlder(to, from)) return;
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
}

/** @param compress makes the bytes of `to` out of those of `from` */
function writeNewer(from, to, compress) {
  if (isOlder(to, from)) writeFileSync(to, compress(readFileSync(from)));
}

const isOlder = (to, from) => !existsSync(to) || statSync(to).mtimeMs < statSync(from).mtimeMs;

function removeStale({ source, output }) {
  const folder = join(ROOT, output);
  if (!existsSync(folder)) return;
  const wanted = new Set([
    ...[...filesBelow(join(ROOT, source))].flatMap(outputsOf),
    ...vendoredInto(output).flatMap(({ folder: into, files, compressed }) =>
      [...files, ...compressed.flatMap((file) => Object.keys(CODERS).map((ending) => file + ending))].map(
        (file) => join(into, file),
      ),
    ),
  ]);
  for (const file of filesBelow(folder, folder)) {
    if (!wanted.has(file) && !isBuildInfo(file)) rmSync(join(folder, file));
  }
}

/** Directories count too: a deleted file leaves its trace only there. */
function newestBelow(path) {
  const { mtimeMs } = statSync(path);
  if (!statSync(path).isDirectory()) return mtimeMs;
  return Math.max(mtimeMs, ...readdirSync(path).map((name) => newestBelow(join(path, name))));
}

export function productIsBuilt() {
  if (!existsSync(STAMP)) return false;
  const inputs = ['src', 'workers', 'package.json', 'package-lock.json', 'tsconfig.base.json'];
  return Math.max(...inputs.map((path) => newestBelow(join(ROOT, path)))) < statSync(STAMP).mtimeMs;
}

/**
 * @param {{ tests: boolean }} options `tests`: the tests and benchmarks as well
 * @returns {boolean} false when the compiler refused; it has said why on stderr
 */
export function build({ tests }) {
  const parts = tests ? EVERYTHING : PRODUCT;
  const began = new Date();
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  const projects = parts.map(({ source }) => join(ROOT, source));
  const { status } = spawnSync(process.execPath, [compiler, '-b', ...projects], { stdio: ['ignore', 2, 2] });
  for (const part of parts) {
    copyAssets(part);
    copyVendored(part.output);
    removeStale(part);
  }
  if (status !== 0) return false;
  writeFileSync(STAMP, '');
  utimesSync(STAMP, began, began);
  return true;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(build({ tests: true }) ? 0 : 1);
