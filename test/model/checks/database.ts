// Connections of the process to its databases (database-budget.ts).
import type { Check } from '../check.js';
import { law, model, sumOf, type Thread } from '../model.js';

interface Pool extends Record<string, number> {
  holds: number;
}

export const connections: Check = {
  title:
    'database budget: no more connections are lent than there are, and those of a lost worker are reclaimed',
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
        // A thread alone knows its connections, so everything it does is one call.
        'acquire and release'(self) {
          const budget = new DatabaseBudget(block, slot, 0, now);
          if (budget.tryAcquire()) self.holds++;
          if (budget.tryAcquire()) self.holds++;
          while (self.holds > 0) {
            // The law checks the held connections at this access. Other threads may get them before
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
    'database budget: one of the pools that wait for the last connection gets it, and none waits for a lost pool',
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
        if (dead === undefined) law(sumOf(living, 'holds') === 1, 'every pool waits for another one');
        const { held } = DatabaseBudget.usage(block, now);
        law(
          held === sumOf(living, 'holds'),
          `${held} connections are lent out to ${sumOf(living, 'holds')} pools`,
        );
      },
    });
  },
};
