// A thread that takes and releases connections together with others: see database-budget-threads.test.ts.
import { parentPort, workerData } from 'node:worker_threads';
import { Block } from '#src/memory/block.js';
import { sharedClock } from '#src/memory/clock.js';
import { DatabaseBudget } from '#src/memory/database-budget.js';
import { seeded } from '../support/random.js';
import { ABOVE, type BudgetHammering, HELD, ROUNDS, STOP } from './budget-control.js';

const { memory, slot, pools, most, seed, control, counts } = workerData as BudgetHammering;
const block = Block.attach(memory);
const clock = sharedClock(block);
const words = new Int32Array(control);
const random = seeded(seed);
const hands = Array.from({ length: pools }, (_, pool) => ({
  budget: new DatabaseBudget(block, slot, pool, clock),
  held: 0,
}));
while (Atomics.load(words, STOP) === 0) {
  for (const hand of hands) {
    if (hand.held > 0 && random() < 0.5) {
      // A connection is counted only while it is certainly held, so the count is never too high.
      if (counts) Atomics.sub(words, HELD, 1);
      hand.budget.release();
      hand.held--;
    } else if (hand.budget.tryAcquire()) {
      hand.held++;
      hand.budget.endWaiting();
      if (counts && Atomics.add(words, HELD, 1) + 1 > most) Atomics.add(words, ABOVE, 1);
    } else if (random() < 0.5) hand.budget.announceWaiting();
    else void hand.budget.poorestWaiting;
  }
  Atomics.add(words, ROUNDS + slot, 1);
}
parentPort!.postMessage(hands.reduce((sum, { held }) => sum + held, 0));
