// What each primitive of the shared brain costs, alone and with a second thread on the same cell, beside the packages
// that Node.js projects use for the same and that keep it once per thread.
// node build/bench/micro/primitives.js
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Block } from '#src/memory/block.js';
import type { Spread } from '../statistics.js';
import { peers } from './primitives/peers.js';
import { primitives, SLOTS } from './primitives/shared.js';
import { nanosecondsPerCall, nanosecondsPerPromise } from './time.js';

const CALLS = 200_000;
const PROMISES = 50_000;
const WIDTH = 58;

const block = Block.create({ workers: SLOTS });
const shown = ({ median, min, max }: Spread): string =>
  `${median.toFixed(0).padStart(6)} ns (${min.toFixed(0)}..${max.toFixed(0)})`.padEnd(26);
const print = (...columns: string[]): void => {
  process.stdout.write(`${columns.join('').trimEnd()}\n`);
};

print('multilane'.padEnd(WIDTH), 'alone'.padStart(9).padEnd(26), 'second thread');
for (const [name, run] of Object.entries(primitives(block, 1))) {
  const alone = nanosecondsPerCall(CALLS, run);
  const other = new Worker(new URL('./primitives/beside.js', import.meta.url), {
    workerData: { memory: block.buffer, name },
  });
  await once(other, 'message');
  const contended = nanosecondsPerCall(CALLS, run);
  await other.terminate();
  print(name.padEnd(WIDTH), shown(alone), shown(contended));
}

print();
// Not before: V8 treats what there is only one of as a constant.
const { aroundWork } = await import('./primitives/around-work.js');
print('around work'.padEnd(WIDTH), 'alone'.padStart(9));
for (const { name, runAsync } of aroundWork) {
  print(name.padEnd(WIDTH), shown(await nanosecondsPerPromise(PROMISES, runAsync)));
}

print();
print('others'.padEnd(WIDTH), 'alone'.padStart(9));
for (const { name, run, runAsync } of peers) {
  const alone =
    run === undefined ? await nanosecondsPerPromise(PROMISES, runAsync) : nanosecondsPerCall(CALLS, run);
  print(name.padEnd(WIDTH), shown(alone));
}
