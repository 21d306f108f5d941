// A thread that hammers breakers together with others: see breaker-cell-threads.test.ts.
import { parentPort, workerData } from 'node:worker_threads';
import { Block } from '#src/memory/block.js';
import { BreakerCells, REFUSED } from '#src/memory/breaker/breaker-cell.js';
import { sharedClock } from '#src/memory/clock.js';
import type { AttemptOutcome } from '#src/resilience/policy.js';
import { failureShare } from '#src/resilience/trip-rules.js';

export interface Hammering {
  readonly memory: SharedArrayBuffer;
  readonly worker: number;
  readonly threads: number;
  /** A word on which all threads wait for each other before every slot. */
  readonly barrier: SharedArrayBuffer;
  readonly slots: number;
  readonly calls: number;
  readonly openMs: number;
  /** The outcome of all calls; null: tickets are kept, as by calls that never end. */
  readonly outcome: AttemptOutcome | null;
}

export interface Hammered {
  /** Admitted calls by slot. */
  readonly admitted: readonly number[];
  /** Transitions that were reported to this thread. */
  readonly transitions: { readonly open: number; readonly 'half-open': number; readonly closed: number };
}

const { memory, worker, threads, barrier, slots, calls, openMs, outcome } = workerData as Hammering;
const block = Block.attach(memory);
const rule = { trips: failureShare(0.5, 20), openMs, probes: 3, probeMs: 600_000 };
const transitions = { open: 0, 'half-open': 0, closed: 0 };
const cells = new BreakerCells(block, worker, rule, sharedClock(block), (_slot, to) => transitions[to]++);
const arrived = new Int32Array(barrier);
const admitted: number[] = [];
for (let slot = 0; slot < slots; slot++) {
  Atomics.add(arrived, slot, 1);
  // The thread spins, so that all threads start within nanoseconds; a thread without a core yields instead.
  while (Atomics.load(arrived, slot) < threads) Atomics.wait(arrived, slots, 0, 0.05);
  let count = 0;
  for (let call = 0; call < calls; call++) {
    const ticket = cells.admit(slot);
    if (ticket === REFUSED) continue;
    count++;
    if (outcome !== null) cells.settle(slot, ticket, outcome);
  }
  admitted.push(count);
}
parentPort!.postMessage({ admitted, transitions } satisfies Hammered);
