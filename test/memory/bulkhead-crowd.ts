// A thread that enters and leaves together with others, and records how many were admitted at once: see
// bulkhead-cells.test.ts.
import { workerData } from 'node:worker_threads';
import { Block } from '#src/memory/block.js';
import { BulkheadCells } from '#src/memory/bulkhead-cells.js';

export interface Crowding {
  readonly memory: SharedArrayBuffer;
  readonly slot: number;
  /** Words: threads that have arrived, admitted now, most admitted at once. */
  readonly seen: SharedArrayBuffer;
  readonly threads: number;
  readonly limit: number;
}

const { memory, slot, seen, threads, limit } = workerData as Crowding;
const words = new Int32Array(seen);
const permits = new BulkheadCells(Block.attach(memory), slot).of('crowd');
Atomics.add(words, 0, 1);
while (Atomics.load(words, 0) < threads) Atomics.wait(words, 0, Atomics.load(words, 0), 1);
for (let turn = 0; turn < 200_000; turn++) {
  if (!permits.enter(limit)) continue;
  const inside = Atomics.add(words, 1, 1) + 1;
  for (let most = Atomics.load(words, 2); inside > most; most = Atomics.load(words, 2)) {
    Atomics.compareExchange(words, 2, most, inside);
  }
  Atomics.sub(words, 1, 1);
  permits.leave();
}
