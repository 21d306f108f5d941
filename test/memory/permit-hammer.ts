// A thread that takes and releases permits of all kinds until it must stop, and then reports those that it
// holds, or until it is killed.
import { parentPort, workerData } from 'node:worker_threads';
import { Block } from '#src/memory/block.js';
import { seeded } from '#test/support/random.js';
import { LASTING_KINDS } from './permit-kinds.js';

export interface Hammering {
  readonly memory: SharedArrayBuffer;
  readonly slot: number;
  readonly seed: number;
  /** Duration of a turn, in milliseconds. */
  readonly pauseMs: number;
  /** Words: 1 to stop the thread, then for each slot the turns of its thread. */
  readonly control: SharedArrayBuffer;
}

const MOST_EACH = 3;
const TURN = 50;

const { memory, slot, seed, pauseMs, control } = workerData as Hammering;
const words = new Int32Array(control);
const block = Block.attach(memory);
const random = seeded(seed);
const permits = LASTING_KINDS.map((kind) => ({ holder: kind.of(block, slot), held: 0 }));

while (Atomics.load(words, 0) === 0) {
  for (let n = 0; n < TURN; n++) {
    const one = permits[Math.floor(random() * permits.length)]!;
    if (one.held < MOST_EACH && random() < 0.5) {
      if (one.holder.take()) one.held++;
    } else if (one.held > 0) {
      one.holder.give();
      one.held--;
    }
  }
  Atomics.add(words, 1 + slot, 1);
  if (pauseMs > 0) Atomics.wait(words, 0, 0, pauseMs);
}
parentPort!.postMessage(permits.map(({ held }) => held));
