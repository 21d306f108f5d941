import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { BreakerCells } from '#src/memory/breaker/breaker-cell.js';
import { sharedClock } from '#src/memory/clock.js';
import type { AttemptOutcome } from '#src/resilience/policy.js';
import { DEFAULT_TRIP_RULE } from '#src/resilience/trip-rules.js';
import type { Hammered, Hammering } from './breaker-cell-hammer.js';

const THREADS = 4;
const SLOTS = 150;

interface Hammer {
  readonly openMs: number;
  readonly calls: number;
  readonly outcome: AttemptOutcome | null;
}

/**
 * @returns for all threads together, the admitted calls of every slot, and the transitions that were
 *   reported to them
 */
async function hammer(block: Block, { openMs, calls, outcome }: Hammer): Promise<Hammered> {
  const barrier = new SharedArrayBuffer((SLOTS + 1) * 4);
  const perThread = await Promise.all(
    Array.from({ length: THREADS }, async (_, index) => {
      const workerData: Hammering = {
        memory: block.buffer,
        worker: index + 1,
        threads: THREADS,
        barrier,
        slots: SLOTS,
        calls,
        openMs,
        outcome,
      };
      const thread = new Worker(new URL('./breaker-cell-hammer.js', import.meta.url), { workerData });
      const [[seen]] = await Promise.all([once(thread, 'message'), once(thread, 'exit')]);
      return seen as Hammered;
    }),
  );
  const sum = (of: (seen: Hammered) => number): number =>
    perThread.reduce((total, seen) => total + of(seen), 0);
  return {
    admitted: Array.from({ length: SLOTS }, (_, slot) => sum(({ admitted }) => admitted[slot]!)),
    transitions: {
      open: sum(({ transitions }) => transitions.open),
      'half-open': sum(({ transitions }) => transitions['half-open']),
      closed: sum(({ transitions }) => transitions.closed),
    },
  };
}

describe('breaker cell under four threads', () => {
  const cellsOf = (block: Block) => new BreakerCells(block, 0, DEFAULT_TRIP_RULE, sharedClock(block));

  it('opens once, after calls of all threads together', async () => {
    const block = Block.create({ workers: THREADS });
    const { admitted, transitions } = await hammer(block, { openMs: 600_000, calls: 60, outcome: 'failure' });
    expect(transitions).to.deep.equal({ open: SLOTS, 'half-open': 0, closed: 0 });
    const cells = cellsOf(block);
    for (let slot = 0; slot < SLOTS; slot++) {
      expect(cells.transitions(slot)).to.deep.equal({ open: 1, halfOpen: 0, closed: 0 });
      // Calls may have been under way when the twentieth failed: at most one in every other thread.
      expect(admitted[slot]).to.be.within(20, 20 + THREADS - 1);
    }
  });

  it('never admits more than three probes', async () => {
    const block = Block.create({ workers: THREADS });
    const cells = cellsOf(block);
    for (let slot = 0; slot < SLOTS; slot++) {
      for (let call = 0; call < 20; call++) cells.settle(slot, cells.admit(slot), 'failure');
    }
    const { admitted, transitions } = await hammer(block, { openMs: 0, calls: 200, outcome: null });
    expect([...new Set(admitted)]).to.deep.equal([3]);
    expect(transitions).to.deep.equal({ open: 0, 'half-open': SLOTS, closed: 0 });
    for (let slot = 0; slot < SLOTS; slot++) expect(cells.transitions(slot).halfOpen).to.equal(1);
  });

  it('closes once when three probes of any threads succeed, and releases the permits of lost threads', async () => {
    const block = Block.create({ workers: THREADS });
    const cells = cellsOf(block);
    for (let slot = 0; slot < SLOTS; slot++) {
      for (let call = 0; call < 20; call++) cells.settle(slot, cells.admit(slot), 'failure');
    }
    await hammer(block, { openMs: 0, calls: 1, outcome: null });
    for (let worker = 1; worker <= THREADS; worker++) cells.reclaim(worker);
    for (let slot = 0; slot < SLOTS; slot++) expect(cells.state(slot)).to.include({ taken: 0, succeeded: 0 });
    const { transitions } = await hammer(block, { openMs: 0, calls: 50, outcome: 'success' });
    expect(transitions).to.deep.equal({ open: 0, 'half-open': 0, closed: SLOTS });
    for (let slot = 0; slot < SLOTS; slot++) {
      expect(cells.transitions(slot)).to.deep.equal({ open: 1, halfOpen: 1, closed: 1 });
    }
  });
});
