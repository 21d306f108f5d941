// What every npm script runs first: installs and builds what is missing, and only that. Says nothing on stdout
// (logs alone go there), and nothing at all when there is nothing to do.
//   (no option)  what a running cluster needs
//   --modules    the dependencies only
//   --tests      tests and benchmarks too
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build, productIsBuilt } from './build.mjs';
import { requirePlatform } from './platform.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

function stop(message, exitCode) {
  process.stderr.write(`multilane: ${message}\n`);
  process.exit(exitCode);
}

const packagesOf = (lock) => JSON.parse(readFileSync(lock, 'utf8')).packages;

/** npm keeps a lock of what it has installed; writing it is the last thing a complete install does. */
function modulesMatchLock() {
  const hidden = `${ROOT}node_modules/.package-lock.json`;
  if (!existsSync(hidden)) return false;
  const installed = packagesOf(hidden);
  return Object.entries(packagesOf(`${ROOT}package-lock.json`)).every(([path, wanted]) => {
    if (path === '') return true;
    const found = installed[path];
    // Packages for other platforms are optional and absent.
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

const [mode = ''] = process.argv.slice(2);
if (!['', '--modules', '--tests'].includes(mode)) stop(`set-up: unknown option ${mode}`, 78);
requirePlatform();
if (!modulesMatchLock()) install();
const tests = mode === '--tests';
// The compiler itself finds out quickest what of the tests is old; a start looks at file times only.
if (mode !== '--modules' && (tests || !productIsBuilt()) && !build({ tests })) stop('the build failed', 1);
