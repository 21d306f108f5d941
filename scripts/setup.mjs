// Runs before every npm script: installs and builds only what is missing. It prints nothing on stdout, which
// is for logs, and nothing at all when nothing is missing.
//   (no option)  dependencies and everything that a running cluster needs
//   --modules    only the dependencies
//   --tests      also tests and benchmarks
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build, productIsBuilt } from './build.mjs';
import { requirePlatform } from './platform.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

function stop(message, exitCode) {
  process.stderr.write(`multilane: ${message}\n`);
  process.exit(exitCode);
}

const packagesOf = (lock) => JSON.parse(readFileSync(lock, 'utf8')).packages;

/** The lock file in node_modules. npm writes it at the end of a complete install. */
function modulesMatchLock() {
  const hidden = `${ROOT}node_modules/.package-lock.json`;
  if (!existsSync(hidden)) return false;
  const installed = packagesOf(hidden);
  return Object.entries(packagesOf(`${ROOT}package-lock.json`)).every(([path, wanted]) => {
    if (path === '') return true;
    const found = installed[path];
    // Optional packages for other platforms are not installed.
    if (found === undefined) return wanted.optional === true;
    return found.version === wanted.version && found.integrity === wanted.integrity;
  });
}

function install() {
  process.stderr.write('multilane: installing dependencies\n');
  const npm = process.env.npm_execpath;
  const [command, ...first] = npm?.endsWith('npm-cli.js') ? [process.execPath, npm] : ['npm'];
  const options = { cwd: ROOT, stdio: ['ignore', 2, 2] };
  const { status, error } = spawnSync(command, [...first, 'ci', '--include=dev'], options);
  if (status !== 0) stop(`npm ci failed${error ? `: ${error.message}` : ''}`, 1);
}

/** Lets the examples run where they are: each has a package.json of its own, which hides that of the package. */
function linkExamples() {
  const link = `${ROOT}examples/node_modules/multilane`;
  if (existsSync(link)) return;
  mkdirSync(`${ROOT}examples/node_modules`, { recursive: true });
  try {
    symlinkSync('../..', link);
  } catch (error) {
    // Another set-up has made it meanwhile.
    if (error.code !== 'EEXIST') throw error;
  }
}

const [mode = ''] = process.argv.slice(2);
if (!['', '--modules', '--tests'].includes(mode)) stop(`set-up: unknown option ${mode}`, 78);
requirePlatform();
if (!modulesMatchLock()) install();
linkExamples();
const tests = mode === '--tests';
// For tests the compiler itself determines fastest what is outdated; a start compares only file times.
if (mode !== '--modules' && (tests || !productIsBuilt()) && !(await build({ tests })))
  stop('the build failed', 1);
