// The retry budget (budget-cell.ts).
import type { Check } from '../check.js';
import { law, model, sumOf, type Thread } from '../model.js';
import type { MemoryModules } from '../small-memory.js';
import type { World } from '../world.js';

interface Caller extends Record<string, number> {
  retries: number;
}

function budgetOf(modules: MemoryModules, world: World, now: () => number) {
  const block = world.block(modules, 1);
  const { RetryBudgetCell } = modules['budget-cell'];
  const cell = new RetryBudgetCell(block, now);
  /** Uses up the minimum of retries: for a while only calls allow retries. */
  const exhaust = (): void => {
    while (cell.withdraw());
  };
  return { cell: () => new RetryBudgetCell(block, now), exhaust, words: block.words('retryBudget') };
}

export const fifth: Check = {
  title: 'retry budget: exactly one call in five can be repeated, in whatever thread',
  build: (modules) => (world) => {
    const { cell, exhaust } = budgetOf(modules, world, () => 5000);
    exhaust();
    const calls = cell();
    for (let call = 0; call < 4; call++) calls.deposit();
    const [depositor, ...withdrawers] = [cell(), cell(), cell()];
    return model<Caller>({
      threads: [
        {
          name: 'caller',
          self: { retries: 0 },
          mayDie: true,
          calls: { deposit: () => depositor!.deposit() },
        },
        ...withdrawers.map(
          (own, index): Thread<Caller> => ({
            name: `retry ${index + 1}`,
            self: { retries: 0 },
            mayDie: true,
            calls: {
              withdraw(self) {
                if (own.withdraw()) self.retries++;
              },
            },
          }),
        ),
      ],
      always: ({ selves }) => law(sumOf(selves, 'retries') <= 1, 'five calls have paid for two retries'),
      finally: ({ selves, dead }) => {
        if (dead !== undefined) return;
        const left = calls.withdraw() ? 1 : 0;
        law(sumOf(selves, 'retries') + left === 1, 'five calls have paid for no retry');
      },
    });
  },
};

export const nextSecond: Check = {
  title: 'retry budget: five calls pay for one retry also at the moment a second begins, in whatever threads',
  build: (modules) => (world) => {
    const clock = world.clock(4999);
    const { cell, exhaust } = budgetOf(modules, world, clock.now);
    exhaust();
    const calls = cell();
    for (let call = 0; call < 5; call++) calls.deposit();
    return model<Caller>({
      threads: [
        ...[cell(), cell()].map(
          (own, index): Thread<Caller> => ({
            name: `retry ${index + 1}`,
            self: { retries: 0 },
            mayDie: true,
            calls: {
              withdraw(self) {
                if (own.withdraw()) self.retries++;
              },
            },
          }),
        ),
        { name: 'time', self: { retries: 0 }, calls: { 'the next second': () => clock.set(5000) } },
      ],
      always: ({ selves }) => law(sumOf(selves, 'retries') <= 1, 'five calls have paid for two retries'),
      finally: ({ selves, dead }) => {
        if (dead !== undefined) return;
        const left = calls.withdraw() ? 1 : 0;
        law(sumOf(selves, 'retries') + left === 1, 'five calls have paid for no retry');
      },
    });
  },
};

export const everyCall: Check = {
  title: 'retry budget: every call counts, also concurrent calls at the beginning of a second',
  build: (modules) => (world) => {
    const clock = world.clock(4999);
    const { cell, words } = budgetOf(modules, world, clock.now);
    for (const at of [1000, 4999]) {
      clock.set(at);
      cell().deposit();
    }
    return model<Caller>({
      threads: [
        ...[cell(), cell()].map(
          (own, index): Thread<Caller> => ({
            name: `caller ${index + 1}`,
            self: { retries: 0 },
            calls: { deposit: () => own.deposit() },
          }),
        ),
        { name: 'time', self: { retries: 0 }, calls: { 'the next second': () => clock.set(5000) } },
      ],
      finally: () => {
        const counts = [4, 5].map((second) => {
          const at = 2 * (second & 3);
          return words[at + 1] === second ? words[at]! : 0;
        });
        law(counts[0]! + counts[1]! === 3, `3 calls of two seconds count as ${counts.join(' and ')}`);
      },
    });
  },
};

export const longAgo: Check = {
  title: 'retry budget: calls of four seconds ago allow no retry, also at the moment a second begins',
  build: (modules) => (world) => {
    const clock = world.clock(1000);
    const { cell, exhaust } = budgetOf(modules, world, clock.now);
    for (let call = 0; call < 5; call++) cell().deposit();
    clock.set(4999);
    exhaust();
    const [depositor, withdrawer] = [cell(), cell()];
    return model<Caller>({
      threads: [
        { name: 'caller', self: { retries: 0 }, calls: { deposit: () => depositor.deposit() } },
        {
          name: 'retry',
          self: { retries: 0 },
          calls: {
            withdraw(self) {
              if (withdrawer.withdraw()) self.retries++;
            },
          },
        },
        { name: 'time', self: { retries: 0 }, calls: { 'the next second': () => clock.set(5000) } },
      ],
      always: ({ selves }) => law(sumOf(selves, 'retries') === 0, 'one call has paid for a retry'),
    });
  },
};

export const trickle: Check = {
  title:
    'retry budget: the last token of the minimum goes to one thread, however old its reading of the clock is',
  build: (modules) => (world) => {
    const clock = world.clock(5000);
    const { cell, exhaust } = budgetOf(modules, world, clock.now);
    exhaust();
    clock.set(5199);
    return model<Caller>({
      threads: [
        ...[1, 2].map((number): Thread<Caller> => {
          const own = cell();
          return {
            name: `retry ${number}`,
            self: { retries: 0 },
            mayDie: true,
            calls: {
              withdraw(self) {
                if (own.withdraw()) self.retries++;
              },
              again(self) {
                if (own.withdraw()) self.retries++;
              },
            },
          };
        }),
        { name: 'time', self: { retries: 0 }, calls: { 'the token is due': () => clock.set(5200) } },
      ],
      always: ({ selves }) => law(sumOf(selves, 'retries') <= 1, 'one token was taken twice'),
      finally: ({ selves, dead }) => {
        const last = cell().withdraw() ? 1 : 0;
        if (dead === undefined) law(sumOf(selves, 'retries') + last === 1, 'no thread has the token');
        clock.set(5400);
        law(cell().withdraw(), 'there is no next token');
      },
    });
  },
};
