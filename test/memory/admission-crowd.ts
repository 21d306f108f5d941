// A thread that enters as often as it can together with others, and records how many were admitted at once:
// see admission-cells.test.ts.
import { workerData } from 'node:worker_threads';
import { AdmissionCells } from '#src/memory/admission-cells.js';
import { Block } from '#src/memory/block.js';
import { Admission } from '#src/resilience/admission.js';

export interface Crowding {
  readonly memory: SharedArrayBuffer;
  readonly slot: number;
  /** Words: threads that have arrived, requests admitted now, most admitted at once. */
  readonly seen: SharedArrayBuffer;
  readonly threads: number;
  /** MAX_IN_FLIGHT. */
  readonly most: number;
}

const { memory, slot, seen, threads, most } = workerData as Crowding;
const words = new Int32Array(seen);
const cells = new AdmissionCells(Block.attach(memory), slot);
const time = { now: 0 };
const admission = new Admission({
  cells,
  onRefused() {},
  most,
  isAdaptive: true,
  loop: { now: () => time.now, sleptMs: () => time.now, afterPoll() {} },
});
const gate = admission.gate('normal', 'crowd');
admission.gate('normal', 'another');
gate.enter();
gate.leave();
time.now += 100;
admission.beat();
Atomics.add(words, 0, 1);
while (Atomics.load(words, 0) < threads) Atomics.wait(words, 0, Atomics.load(words, 0), 1);
for (let turn = 0; turn < 1_000; turn++) {
  let entered = 0;
  for (; entered < most / 2 && gate.enter() > 0; entered++) {
    const inside = Atomics.add(words, 1, 1) + 1;
    for (let seenMost = Atomics.load(words, 2); inside > seenMost; seenMost = Atomics.load(words, 2)) {
      Atomics.compareExchange(words, 2, seenMost, inside);
    }
  }
  for (; entered > 0; entered--) {
    Atomics.sub(words, 1, 1);
    gate.leave();
  }
}
