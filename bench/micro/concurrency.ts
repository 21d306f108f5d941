// What bounding requests and sharing calls costs: in and out of each, alone and with a second thread on the same words.
// node build/bench/micro/concurrency.js
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Block } from '#src/memory/block.js';
import { BulkheadCells } from '#src/memory/bulkhead-cells.js';
import { CallClaims } from '#src/memory/call-claims.js';
import { sharedClock } from '#src/memory/clock.js';
import { ConcurrencyCells } from '#src/memory/concurrency-cell.js';
import { concurrencyRule } from '#src/resilience/adaptive-limit.js';
import { Admission } from '#src/resilience/admission.js';
import { nanosecondsPerCall } from './time.js';

const CALLS = 200_000;
const MOST = 10_000;
const [MAIN, OTHER] = [1, 2];

const block = isMainThread ? Block.create({ workers: 2 }) : Block.attach(workerData as SharedArrayBuffer);
const slot = isMainThread ? MAIN : OTHER;
const clock = sharedClock(block);
const cells = new ConcurrencyCells(block, slot, concurrencyRule(MOST), clock);
const door = new Admission({ cells, most: MOST, onRefused: () => {} }).door('normal');
const permits = new BulkheadCells(block, slot).of('bench');
const claims = new CallClaims(block, slot);
const KEY = '["catalog","/items?page=1",[]]';

/** Of the pipeline, which has read it anyway. */
let now = 0;

const admit = (): void => {
  const entered = door.enter();
  now += 0.01;
  door.answered(5, entered, now);
  door.leave();
};
const hold = (): void => {
  if (permits.enter(MOST)) permits.leave();
};
const claim = (): void => {
  if (claims.claim(KEY) === 0) claims.release(KEY);
};

if (isMainThread) {
  const rows = [
    ['a request: in, answered, out', admit],
    ['a bulkhead: in and out', hold],
    ['a shared call: claim and release', claim],
  ] as const;
  const report = (note: string): void => {
    for (const [what, run] of rows) {
      const { median, min, max } = nanosecondsPerCall(CALLS, run);
      const figures = `${median.toFixed(0).padStart(6)} ns (${min.toFixed(0)}..${max.toFixed(0)})`;
      process.stdout.write(`${`${what}${note}`.padEnd(56)} ${figures}\n`);
    }
  };
  report('');
  const other = new Worker(new URL(import.meta.url), { workerData: block.buffer });
  await once(other, 'message');
  report(', a second thread beside');
  await other.terminate();
} else {
  parentPort!.postMessage('beside');
  for (;;) {
    admit();
    hold();
    claim();
  }
}
