// Measures the cost of the shared primitives. First the cells, as requests use them, alone and with a second
// thread on the same cell; no package has a comparable interface. Then the interfaces for services and
// programs, compared with packages that do the same work with the same kind of interface. node
// build/bench/micro/primitives.js
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Block } from '#src/memory/block.js';
import type { Spread } from '../statistics.js';
import { primitives, SLOTS } from './primitives/shared.js';
import { nanosecondsPerCall, nanosecondsPerPromise, wallTime } from './time.js';

const CALLS = 200_000;
const PROMISES = 50_000;
const WIDTH = 58;

const block = Block.create({ workers: SLOTS });
const shown = ({ median, min, max }: Spread): string =>
  `${median.toFixed(0).padStart(6)} ns (${min.toFixed(0)}..${max.toFixed(0)})`.padEnd(26);
const print = (...columns: string[]): void => {
  process.stdout.write(`${columns.join('').trimEnd()}\n`);
};

print('cells'.padEnd(WIDTH), 'alone'.padStart(9).padEnd(26), 'second thread');
for (const [name, run] of Object.entries(primitives(block, 1))) {
  const alone = nanosecondsPerCall(CALLS, run);
  const other = new Worker(new URL('./primitives/beside.js', import.meta.url), {
    workerData: { memory: block.buffer, name },
  });
  await once(other, 'message');
  const contended = nanosecondsPerCall(CALLS, run, wallTime);
  await other.terminate();
  print(name.padEnd(WIDTH), shown(alone), shown(contended));
}

// They are created late, because V8 treats an object that exists once as a constant.
const { comparisons } = await import('./primitives/comparisons.js');
for (const { work, promises, calls } of comparisons) {
  print();
  print(work.padEnd(WIDTH), 'alone'.padStart(9));
  for (const [name, run] of Object.entries(promises ?? {})) {
    print(name.padEnd(WIDTH), shown(await nanosecondsPerPromise(PROMISES, run)));
  }
  for (const [name, run] of Object.entries(calls ?? {})) {
    print(name.padEnd(WIDTH), shown(nanosecondsPerCall(CALLS, run)));
  }
}
