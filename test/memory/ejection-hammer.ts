// A thread that hammers ejections together with others: see ejection-threads.test.ts.
import { parentPort, workerData } from 'node:worker_threads';
import { Block } from '#src/memory/block.js';
import { sharedClock } from '#src/memory/clock.js';
import { EjectionCells } from '#src/memory/ejection-cells.js';
import { hasRoom } from '#src/upstream/outliers.js';

export interface Hammering {
  readonly memory: SharedArrayBuffer;
  readonly threads: number;
  readonly thread: number;
  /** A word on which all threads wait for each other before every service, and a word to sleep on. */
  readonly barrier: SharedArrayBuffer;
  /** Slots of each service. */
  readonly services: readonly (readonly number[])[];
  readonly rounds: number;
  /** Duration of the first ejection. */
  readonly baseMs: number;
}

/** The observations of one thread. */
export interface Hammered {
  readonly ejected: readonly { readonly slot: number; readonly times: number }[];
  readonly returned: readonly number[];
  /** Reported failures by slot. */
  readonly failures: readonly number[];
  /** Consistent reads, and those of them that saw too many instances ejected. */
  readonly looks: number;
  readonly violations: number;
}

const { memory, threads, thread, barrier, services, rounds, baseMs } = workerData as Hammering;
const block = Block.attach(memory);
const ejected: { slot: number; times: number }[] = [];
const returned: number[] = [];
const rule = {
  failures: 5,
  ejectedMs: (times: number) => baseMs * times,
  remembered: (times: number) => times,
  slowStartMs: 1,
};
const cells = new EjectionCells(block, rule, sharedClock(block), {
  ejected: (slot, times) => ejected.push({ slot, times }),
  returned: (slot) => returned.push(slot),
});
const arrived = new Int32Array(barrier);
const failures = Array.from({ length: services.flat().length }, () => 0);
let [looks, violations] = [0, 0];

/**
 * A version that is the same before and after proves that everything read in between was valid at one moment.
 */
function look(slots: readonly number[]): void {
  const version = cells.version();
  const out = slots.filter((slot) => cells.isEjected(slot)).length;
  if (cells.version() !== version) return;
  looks++;
  if (out > Math.floor(slots.length / 2)) violations++;
}

for (const [index, slots] of services.entries()) {
  const endpoints = slots.map((slot) => ({ slot, state: 'healthy' as const }));
  Atomics.add(arrived, index, 1);
  // The thread spins, so that all threads start within nanoseconds; a thread without a core yields instead.
  while (Atomics.load(arrived, index) < threads) Atomics.wait(arrived, services.length, 0, 0.05);
  for (let round = 0; round < rounds; round++) {
    // Each thread fails another endpoint: not all of them may be ejected.
    const slot = slots[(round + thread) % slots.length]!;
    failures[slot]!++;
    if (cells.failed(slot))
      cells.eject(slot, () => hasRoom(endpoints, slot, (other) => cells.isEjected(other)));
    look(slots);
  }
}
parentPort!.postMessage({ ejected, returned, failures, looks, violations } satisfies Hammered);
