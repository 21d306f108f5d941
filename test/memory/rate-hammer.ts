// A thread that takes admissions from a full table together with others: see rate-threads.test.ts.
import { parentPort, workerData } from 'node:worker_threads';
import { sharedClock } from '#src/memory/clock.js';
import { oneRegion } from '#src/memory/rate/rate-regions.js';
import { RateTable } from '#src/memory/rate/rate-table.js';
import { sweepAll } from './sweep-all.js';

export interface RateHammering {
  readonly memory: SharedArrayBuffer;
  readonly secret: SharedArrayBuffer;
  /** Words: threads that have arrived, admissions of all, 1 to stop, and one that never changes. */
  readonly control: SharedArrayBuffer;
  readonly epochNs: bigint;
  readonly threads: number;
  readonly seed: number;
  readonly keys: number;
  readonly intervalMs: number;
  readonly burst: number;
  readonly forMs: number;
}

/** By key, the clock readings that decided the admissions. */
export type Admissions = readonly (readonly number[])[];

const { memory, secret, control, epochNs, threads, seed, keys, intervalMs, burst, forMs } =
  workerData as RateHammering;
const real = sharedClock({ epochNs });
let reading = 0;
// The last clock reading of the table is that of the attempt that succeeds.
const clock = (): number => {
  reading = real();
  return reading;
};
const table = new RateTable({
  regions: oneRegion(new Int32Array(memory), new Int32Array(new SharedArrayBuffer(4))),
  secret: new Int32Array(secret),
  clock,
});
const limit = table.limit('test', intervalMs, burst);
const names = Array.from({ length: keys }, (_, i) => `key ${i}`);
const admitted: number[][] = names.map(() => []);
let random = seed;

const shared = new Int32Array(control);
Atomics.add(shared, 0, 1);
while (Atomics.load(shared, 0) < threads) Atomics.wait(shared, 3, 0, 0.05);
const until = real() + forMs;
let asked = 0;
while (reading < until && Atomics.load(shared, 2) === 0) {
  random = (Math.imul(random, 1664525) + 1013904223) | 0;
  const key = (random >>> 8) % keys;
  if (limit.take(names[key]!) > 0) {
    admitted[key]!.push(reading);
    Atomics.add(shared, 1, 1);
  }
  asked++;
  if (asked % 4096 === 0) sweepAll(table);
}
parentPort!.postMessage({ admitted, asked });
