// Builds what has changed: TypeScript by `tsc -b`, the files that tsc does not copy (.sql, .html, ...), then
// the bundle (bundle.mjs). Outputs whose source was deleted are removed, because a deleted migration or test
// would still run otherwise.
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
import { bundle, filesOfLastRun, isBundled } from './bundle.mjs';
import { buildDashboard, isDashboardBuilt } from './dashboard.mjs';
import { writePackageFiles } from './package-files.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The source folders that a running cluster needs, each with its output folder. */
const PRODUCT = [
  { source: 'src', output: 'dist' },
  { source: 'workers', output: 'dist/workers' },
];
const EVERYTHING = [
  ...PRODUCT,
  { source: 'test', output: 'build/test' },
  { source: 'bench', output: 'build/bench' },
];
/**
 * Files of other packages that are served to browsers. They are copied, so that users need not install the
 * packages.
 */
const VENDORED = [
  {
    source: 'node_modules/swagger-ui-dist',
    files: ['swagger-ui-bundle.js.LICENSE.txt', 'LICENSE', 'NOTICE'],
    /** These files are compressed, as src/server/docs/viewer-file.ts serves them. */
    compressed: ['swagger-ui.css', 'swagger-ui-bundle.js'],
    output: 'dist',
    folder: 'vendor/swagger-ui',
  },
];
/** Folders that are not compared with the sources: results, and outputs of their own. */
const ASIDE = ['bench/results', 'dist/workers', 'dist/bundle', 'dist/packages', 'dist/dashboard'].map(
  (path) => join(ROOT, path),
);
/** A folder with this file is a project of its own, which is built in its place. */
const OWN_PROJECT = 'peer.json';

/** A file whose modification time is the beginning of the last complete build. */
const STAMP = join(ROOT, 'dist/.built');

function* filesBelow(folder, base = folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) yield relative(base, path);
    else if (!isAside(path)) yield* filesBelow(path, base);
  }
}

const isAside = (folder) => ASIDE.includes(folder) || existsSync(join(folder, OWN_PROJECT));

const isCompiled = (file) => file.endsWith('.ts') && !file.endsWith('.d.ts');
const isAsset = (file) => !/\.ts$|\.md$|(^|\/)tsconfig\.json$/.test(file);
const isBuildInfo = (file) => /^([^/]+\.tsbuildinfo|\.built|\.npmignore)$/.test(file);

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
    for (const file of compressed)
      writeNewer(join(ROOT, source, file), join(ROOT, output, folder, `${file}.gz`), packed);
  }
}

const packed = (bytes) => zlib.gzipSync(bytes, { level: 9 });

const vendoredInto = (output) => VENDORED.filter((entry) => entry.output === output);

function copyNewer(from, to) {
  if (!isOlder(to, from)) return;
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
}

/** @param compress makes the content of `to` from that of `from` */
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
      [...files, ...compressed.map((file) => `${file}.gz`)].map((file) => join(into, file)),
    ),
  ]);
  for (const file of filesBelow(folder, folder)) {
    if (!wanted.has(file) && !isBuildInfo(file)) rmSync(join(folder, file));
  }
}

/**
 * The latest modification time below a folder. Folders are included, because only they show that a file was
 * deleted.
 */
function newestBelow(path) {
  const { mtimeMs } = statSync(path);
  if (!statSync(path).isDirectory()) return mtimeMs;
  return Math.max(mtimeMs, ...readdirSync(path).map((name) => newestBelow(join(path, name))));
}

export const productIsBuilt = () => runtimeIsBuilt() && isDashboardBuilt();

function runtimeIsBuilt() {
  if (!existsSync(STAMP) || !isBundled()) return false;
  const inputs = [
    'src',
    'workers',
    'scripts/bundle.mjs',
    'package.json',
    'package-lock.json',
    'tsconfig.base.json',
  ];
  return Math.max(...inputs.map((path) => newestBelow(join(ROOT, path)))) < statSync(STAMP).mtimeMs;
}

/**
 * @param {{ tests: boolean }} options `tests`: also build the tests and benchmarks
 * @returns {Promise<boolean>} false when a compiler failed; it has written the reason to stderr
 */
export async function build({ tests }) {
  const parts = tests ? EVERYTHING : PRODUCT;
  const began = new Date();
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  const projects = [
    ...parts.map(({ source }) => source),
    'dashboard',
    ...(tests ? ['test/dashboard'] : []),
  ].map((path) => join(ROOT, path));
  const { status } = spawnSync(process.execPath, [compiler, '-b', ...projects], { stdio: ['ignore', 2, 2] });
  for (const part of parts) {
    copyAssets(part);
    copyVendored(part.output);
    removeStale(part);
  }
  if (status !== 0) return false;
  // The tests build often, and the bundle depends on nothing but the product.
  if (!runtimeIsBuilt()) {
    rmSync(STAMP, { force: true });
    if (!(await bundle())) return false;
  }
  if (!(await buildDashboard())) return false;
  writePackageFiles(filesOfLastRun());
  writeFileSync(STAMP, '');
  utimesSync(STAMP, began, began);
  return true;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exit((await build({ tests: !process.argv.includes('--for-package') })) ? 0 : 1);
}
