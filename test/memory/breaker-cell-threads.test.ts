import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { BreakerCells, type BreakerOutcome } from '#src/memory/breaker-cell.js';
import { sharedClock } from '#src/memory/clock.js';
import { DEFAULT_TRIP_RULE } from '#src/resilience/trip-rules.js';
import type { Hammering } from './breaker-cell-hammer.js';

const THREADS = 4;
const SLOTS = 150;

interface Hammer {
  readonly openMs: number;
  readonly calls: number;
  readonly outcome: BreakerOutcome | null;
}

/** @returns for every slot, how many calls all threads together were admitted */
async function hammer(block: Block, { openMs, calls, outcome }: Hammer): Promise<readonly number[]> {
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
      const [[admitted]] = await Promise.all([once(thread, 'message'), once(thread, 'exit')]);
      return admitted as number[];
    }),
  );
  return Array.from({ length: SLOTS }, (_, slot) =>
    perThread.reduce((sum, counts) => sum + counts[slot]!, 0),
  );
}

describe('breaker cell under four threads', () => {
  const cellsOf = (block: Block) => new BreakerCells(block, 0, DEFAULT_TRIP_RULE, sharedClock(block));

  it('opens once, after calls of all threads together', async () => {
    const block = Block.create({ workers: THREADS });
    const admitted = await hammer(block, { openMs: 600_000, calls: 60, outcome: 'failure' });
    const cells = cellsOf(block);
    for (let slot = 0; slot < SLOTS; slot++) {
      expect(cells.transitions(slot)).to.deep.equal({ open: 1, halfOpen: 0, closed: 0 });
      // Those already under way when the twentieth failed: at most one for every other thread.
      expect(admitted[slot]).to.be.within(20, 20 + THREADS - 1);
    }
  });

  it('never lets more than three probes through', async () => {
    const block = Block.create({ workers: THREADS });
    const cells = cellsOf(block);
    for (let slot = 0; slot < SLOTS; slot++) {
      for (let call = 0; call < 20; call++) cells.settle(slot, cells.admit(slot), 'failure');
    }
    const admitted = await hammer(block, { openMs: 0, calls: 200, outcome: null });
    expect([...new Set(admitted)]).to.deep.equal([3]);
    for (let slot = 0; slot < SLOTS; slot++) expect(cells.transitions(slot).halfOpen).to.equal(1);
  });

  it('closes once when three probes of any threads succeed, and reclaims what lost threads held', async () => {
    const block = Block.create({ workers: THREADS });
    const cells = cellsOf(block);
    for (let slot = 0; slot < SLOTS; slot++) {
      for (let call = 0; call < 20; call++) cells.settle(slot, cells.admit(slot), 'failure');
    }
    await hammer(block, { openMs: 0, calls: 1, outcome: null });
    for (let worker = 1; worker <= THREADS; worker++) cells.reclaim(worker);
    for (let slot = 0; slot < SLOTS; slot++) expect(cells.state(slot)).to.include({ taken: 0, succeeded: 0 });
    await hammer(block, { openMs: 0, calls: 50, outcome: 'success' });
    for (let slot = 0; slot < SLOTS; slot++) {
      expect(cells.transitions(slot)).to.deep.equal({ open: 1, halfOpen: 1, closed: 1 });
    }
  });
});
