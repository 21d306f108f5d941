// Runs the suite in two parts, one after the other. The tests of the second part keep the processors busy
// themselves (Chromium, a Prometheus that scrapes each second, handlers that burn CPU), or measure what a load
// does to other requests. Tests of the first part wait for processes that have to respond within a time.
//   node scripts/test.mjs [mocha's options]
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MOCHA = join(ROOT, 'node_modules/mocha/bin/mocha.js');
const BUSY = [
  'build/test/dashboard/**/*.test.js',
  'build/test/system/prometheus.test.js',
  'build/test/system/route-cpu.test.js',
  'build/test/system/siege.test.js',
  'build/test/system/overload.test.js',
];
// Tests of whole processes begin first, because they take longest.
const OTHERS = ['build/test/system/**/*.test.js', 'build/test/{,!(system)/**/}*.test.js'];

let running;
let isStopped = false;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    isStopped = true;
    running?.kill(signal);
  });
}

/** @returns mocha's exit code */
function mocha(part, ...args) {
  if (isStopped) return 1;
  console.log(`\nThe suite, part ${part} of 2`);
  running = spawn(process.execPath, [MOCHA, '--parallel', ...args, ...process.argv.slice(2)], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  return new Promise((resolve, reject) => {
    running.once('error', reject);
    running.once('close', (code) => resolve(code ?? 1));
  });
}

const others = await mocha(1, '--jobs', '3', ...BUSY.flatMap((files) => ['--ignore', files]), ...OTHERS);
const busy = await mocha(2, '--jobs', '2', ...BUSY);
process.exitCode = others || busy;
