// Runs the suite in three parts, one after the other. The tests of the second part keep the processors busy
// themselves (Chromium, a Prometheus that scrapes each second, handlers that burn CPU), or measure what a load
// does to other requests. Tests of the first part wait for processes that have to respond within a time. The
// third part is what runs once more, on the HTTP core on `node:http`.
//   node scripts/test.mjs [mocha's options]
import { inParallel, nodeCorePart, Suite } from './suite.mjs';

const BUSY = [
  'build/test/dashboard/**/*.test.js',
  'build/test/system/prometheus.test.js',
  'build/test/system/route-cpu.test.js',
  'build/test/system/siege.test.js',
  'build/test/system/overload.test.js',
];
// Tests of whole processes begin first, because they take longest.
const OTHERS = ['build/test/system/**/*.test.js', 'build/test/{,!(system)/**/}*.test.js'];
const ignored = BUSY.flatMap((files) => ['--ignore', files]);

process.exitCode = await new Suite().run(
  [
    { args: ['--parallel', '--jobs', '3', ...ignored, ...OTHERS] },
    inParallel(BUSY),
    nodeCorePart(Number.parseInt(process.versions.node, 10)),
  ],
  process.argv.slice(2),
);
