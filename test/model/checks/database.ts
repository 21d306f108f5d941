// Connections of the process to its databases (database-budget.ts).
import type { Check } from '../check.js';
import { law, model, sumOf, type Thread } from '../model.js';

interface Pool extends Record<string, number> {
  holds: number;
}

export const connections: Check = {
  title:
    'database budget: never are more connections lent out than there are, and those of a lost worker come back',
  interruptions: 1,
  build: (modules) => (world) => {
    const block = world.block(modules, 2);
    const { DatabaseBudget } = modules['database-budget'];
    const now = (): number => 1000;
    DatabaseBudget.configure(block, 2);
    const permits = block.words('databasePermits');
    const pool = (slot: number): Thread<Pool> => ({
      name: `pool ${slot}`,
      self: { holds: 0 },
      calls: {
        // What it holds is known to itself alone, so that all of it is one call.
        'acquire and release'(self) {
          const budget = new DatabaseBudget(block, slot, 0, now);
          if (budget.tryAcquire()) self.holds++;
          if (budget.tryAcquire()) self.holds++;
          while (self.holds > 0) {
            // An access of its own, at which the law sees what it holds. Others may have that before
            // `release` ends.
            Atomics.load(permits, 0);
            self.holds--;
            budget.release();
          }
        },
      },
    });
    return model<Pool>({
      threads: [pool(0), pool(1), pool(2)],
      recovery: (dead) => ({ reclaim: () => DatabaseBudget.reclaim(block, dead) }),
      always: ({ living }) =>
        law(sumOf(living, 'holds') <= 2, 'more connections are lent out than there are'),
      finally: () => {
        const { held } = DatabaseBudget.usage(block, now);
        law(held === 0, `${held} connections have no holder`);
      },
    });
  },
};

export const line: Check = {
  title:
    'database budget: of pools that wait for the last connection one gets it, and none waits for a lost one',
  interruptions: 1,
  build: (modules) => (world) => {
    const block = world.block(modules, 2);
    const { DatabaseBudget } = modules['database-budget'];
    const now = (): number => 1000;
    DatabaseBudget.configure(block, 1);
    const pool = (slot: number): Thread<Pool> => ({
      name: `pool ${slot}`,
      self: { holds: 0 },
      calls: {
        'want and acquire'(self) {
          const budget = new DatabaseBudget(block, slot, 0, now);
          budget.announceWaiting();
          if (!budget.tryAcquire()) return;
          budget.endWaiting();
          self.holds = 1;
        },
      },
    });
    return model<Pool>({
      threads: [pool(0), pool(1), pool(2)],
      recovery: (dead) => ({ reclaim: () => DatabaseBudget.reclaim(block, dead) }),
      always: ({ living }) => law(sumOf(living, 'holds') <= 1, 'the only connection is lent out twice'),
      finally: ({ living, dead }) => {
        if (dead === undefined) law(sumOf(living, 'holds') === 1, 'all pools wait for each other');
        const { held } = DatabaseBudget.usage(block, now);
        law(
          held === sumOf(living, 'holds'),
          `${held} connections are lent out to ${sumOf(living, 'holds')} pools`,
        );
      },
    });
  },
};
