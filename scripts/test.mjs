// Runs the suite in two parts, one after the other. The tests of the second part keep the processors busy
// themselves (Chromium, a Prometheus that scrapes each second, handlers that burn CPU), or measure what a load
// does to other requests. Tests of the first part wait for processes that have to respond within a time.
//
// A few files that have failed are run once more, alone, because tests of whole processes share the processors
// with others: what passes then is called unsteady and shown with its failure, and what fails again has failed.
//   node scripts/test.mjs [mocha's options]
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MOCHA = join(ROOT, 'node_modules/mocha/bin/mocha.js');
const REPORTER = join(ROOT, 'scripts/failed-files.cjs');
const BUSY = [
  'build/test/dashboard/**/*.test.js',
  'build/test/system/prometheus.test.js',
  'build/test/system/route-cpu.test.js',
  'build/test/system/siege.test.js',
  'build/test/system/overload.test.js',
];
// Tests of whole processes begin first, because they take longest.
const OTHERS = ['build/test/system/**/*.test.js', 'build/test/{,!(system)/**/}*.test.js'];
/** With more files than these, the fault is not in the tests. */
const MOST_REPEATED = 6;

let running;
let isStopped = false;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    isStopped = true;
    running?.kill(signal);
  });
}

const folder = mkdtempSync(join(tmpdir(), 'multilane-suite-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/**
 * Runs mocha. `files` are those with failed tests, which may be none although `code` is not 0: mocha fails also
 * when it cannot load a file.
 * @returns {Promise<{ code: number, files: string[] }>}
 */
function mocha(name, ...args) {
  if (isStopped) return { code: 1, files: [] };
  console.log(`\nThe suite, ${name}`);
  const list = join(folder, `${name}.json`);
  running = spawn(process.execPath, [MOCHA, '--reporter', REPORTER, ...args, ...process.argv.slice(2)], {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, MULTILANE_FAILED_FILES: list },
  });
  return new Promise((resolve, reject) => {
    running.once('error', reject);
    running.once('close', (code) => resolve({ code: code ?? 1, files: readFiles(list) }));
  });
}

function readFiles(list) {
  try {
    return JSON.parse(readFileSync(list, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

const ignored = BUSY.flatMap((files) => ['--ignore', files]);
const parts = [
  await mocha('part 1 of 2', '--parallel', '--jobs', '3', ...ignored, ...OTHERS),
  await mocha('part 2 of 2', '--parallel', '--jobs', '2', ...BUSY),
];
const failed = parts.filter(({ code }) => code !== 0);
const files = failed.flatMap((part) => part.files);
const mayRepeat = failed.every((part) => part.files.length > 0) && files.length <= MOST_REPEATED;
if (failed.length === 0 || isStopped || !mayRepeat)
  process.exitCode = Math.max(...parts.map(({ code }) => code));
else {
  const { code } = await mocha('once more: files that have failed beside others', ...files);
  if (code === 0)
    console.log(
      `Unsteady, because they passed alone: ${files.map((file) => relative(ROOT, file)).join(', ')}`,
    );
  process.exitCode = code;
}
