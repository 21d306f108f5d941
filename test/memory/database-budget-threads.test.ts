import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { sharedClock } from '#src/memory/clock.js';
import { DatabaseBudget } from '#src/memory/database-budget.js';
import { seeded } from '../support/random.js';
import { until } from '../support/until.js';
import { ABOVE, type BudgetHammering, ROUNDS, STOP } from './budget-control.js';

const THREADS = 4;
const MOST = 5;
const KILLS = 6;

function setUp(counts: boolean) {
  const block = Block.create({ workers: THREADS });
  DatabaseBudget.configure(block, MOST);
  const control = new SharedArrayBuffer(4 * (ROUNDS + THREADS + 1));
  const words = new Int32Array(control);
  let seed = 1;
  const start = (slot: number) => {
    const workerData: BudgetHammering = {
      memory: block.buffer,
      slot,
      pools: 2,
      most: MOST,
      seed: seed++,
      control,
      counts,
    };
    const thread = new Worker(new URL('./budget-hammer.js', import.meta.url), { workerData });
    return { thread, said: once(thread, 'message').then(([held]) => held as number) };
  };
  const threads = Array.from({ length: THREADS }, (_, index) => start(index + 1));
  const usage = () => DatabaseBudget.usage(block, sharedClock(block));
  /** Resolves when every thread has made progress. */
  const progress = async (by: number): Promise<void> => {
    const rounds = () => [...words.subarray(ROUNDS + 1)];
    const before = rounds();
    const grown = (now: number[]): boolean => now.every((count, at) => count - before[at]! >= by);
    expect(grown(await until(async () => rounds(), grown, 10_000))).to.equal(true);
  };
  const stop = async (): Promise<number> => {
    Atomics.store(words, STOP, 1);
    const held = await Promise.all(threads.map(({ said }) => said));
    return held.reduce((sum, one) => sum + one, 0);
  };
  return { block, words, start, threads, usage, progress, stop };
}

describe('the database budget under four threads', () => {
  it('never lends more connections than there are, and counts those that the threads hold', async () => {
    const { block, words, usage, progress, stop } = setUp(true);
    await progress(5_000);
    const held = await stop();
    expect(words[ABOVE]).to.equal(0);
    expect(usage().held).to.equal(held);
    for (let slot = 1; slot <= THREADS; slot++) DatabaseBudget.reclaim(block, slot);
    expect(usage().held).to.equal(0);
  });

  it('reclaims all connections of threads that are killed at any moment, and delays no thread', async function () {
    this.timeout(20_000);
    const { block, threads, start, usage, progress, stop } = setUp(false);
    await progress(1);
    const random = seeded(7);
    for (let kill = 0; kill < KILLS; kill++) {
      const slot = 1 + Math.floor(random() * THREADS);
      await sleep(random() * 10);
      await threads[slot - 1]!.thread.terminate();
      DatabaseBudget.reclaim(block, slot);
      expect(DatabaseBudget.reclaim(block, slot)).to.equal(0);
      threads[slot - 1] = start(slot);
    }
    await progress(1_000);
    const held = await stop();
    expect(usage().held).to.equal(held);
    for (let slot = 1; slot <= THREADS; slot++) DatabaseBudget.reclaim(block, slot);
    const heir = new DatabaseBudget(block, 1, 0, sharedClock(block));
    for (let count = 0; count < MOST; count++) expect(heir.tryAcquire()).to.equal(true);
    expect(heir.tryAcquire()).to.equal(false);
  });
});
