// Permits of a bulkhead (bulkhead-cells.ts), and the line of threads that wait for one (bulkhead-line.ts).
import type { Check } from '../check.js';
import { law, model, sumOf, type Thread } from '../model.js';
import type { MemoryModules } from '../small-memory.js';
import type { World } from '../world.js';

interface Holder extends Record<string, number> {
  holds: number;
}

const threadsOf = (modules: MemoryModules, world: World, count: number, most: number) => {
  const block = world.block(modules, count);
  const { BulkheadCells } = modules['bulkhead-cells'];
  const threads = Array.from({ length: count }, (_, index): Thread<Holder> => {
    const permits = new BulkheadCells(block, index + 1, () => 0).of('a');
    return {
      name: `thread ${index + 1}`,
      self: { holds: 0 },
      calls: {
        enter(self) {
          self.holds = permits.enter(most) ? 1 : 0;
        },
        leave(self) {
          if (self.holds === 0) return;
          self.holds = 0;
          permits.leave();
        },
      },
    };
  });
  return { block, threads, onlooker: new BulkheadCells(block, 0, () => 0).of('a') };
};

export const permits: Check = {
  title: 'bulkhead: there are never more permits held than the limit, and none in the end',
  build: (modules) => (world) => {
    const most = 2;
    const { threads, onlooker } = threadsOf(modules, world, 4, most);
    return model({
      threads,
      always: ({ selves }) =>
        law(sumOf(selves, 'holds') <= most, `${sumOf(selves, 'holds')} threads hold ${most} permits`),
      finally: () => {
        law(onlooker.held === 0, `${onlooker.held} permits have no holder`);
        law(onlooker.enter(1), 'the next thread finds no permit');
      },
    });
  },
};

export const permitsAfterDeath: Check = {
  title: 'bulkhead: after the death of a thread exactly the permits of living threads are held',
  build: (modules) => (world) => {
    const most = 2;
    const { block, threads, onlooker } = threadsOf(modules, world, 2, most);
    const { reclaimBulkheads, settleBulkheads } = modules['bulkhead-cells'];
    return model({
      threads,
      recovery: (dead) => ({ reclaim: () => reclaimBulkheads(block, dead + 1) }),
      finally: ({ living }) => {
        const held = sumOf(living, 'holds');
        // The primary does this every second.
        law(settleBulkheads(block, 0) === 0, 'a census does not succeed though nothing is under way');
        law(onlooker.held === held, `permits held: ${onlooker.held}, by living threads: ${held}`);
      },
    });
  },
};

export const permitsAfterInterruption: Check = {
  title: 'bulkhead: no permit is lost after an interruption in a thread that continues',
  build: (modules) => (world) => {
    const most = 1;
    const { block, threads, onlooker } = threadsOf(modules, world, 2, most);
    const { BulkheadCells, settleBulkheads } = modules['bulkhead-cells'];
    const { heldByThread } = modules['permit-ledger'];
    return model({
      threads,
      recovery: (interrupted) => {
        const own = new BulkheadCells(block, interrupted + 1, () => 0).of('a');
        return {
          'goes on': () => {
            if (own.enter(most)) own.leave();
          },
        };
      },
      always: ({ selves }) => law(sumOf(selves, 'holds') <= most, 'two threads hold the only permit'),
      finally: ({ living }) => {
        law(settleBulkheads(block, 0) === 0, 'a census does not succeed though nothing is under way');
        // The words of an interrupted call show whether it was completed.
        const held = [1, 2].reduce(
          (sum, slot) => sum + heldByThread(block.words('workerBulkheadHeld', slot)),
          0,
        );
        law(onlooker.held === held, `permits held: ${onlooker.held}, by threads: ${held}`);
        law(held >= sumOf(living, 'holds'), 'a permit that a thread holds does not count');
      },
    });
  },
};

interface Waiter extends Holder {
  /** 1 while the thread waits to be woken. */
  waits: number;
}

/** Waits as `BulkheadQueue` does, but without the timer by which that checks every few milliseconds. */
function waiter(modules: MemoryModules, block: ReturnType<World['block']>, slot: number): Thread<Waiter> {
  const permits = new modules['bulkhead-cells'].BulkheadCells(block, slot, () => 100).of('a');
  const { line } = permits;
  const look = (self: Waiter): void => {
    if (self.holds === 1) return;
    line.rung().catch(() => {});
    self.waits = 1;
    if (!permits.enter(1 - line.ahead(100 - slot))) return;
    [self.holds, self.waits] = [1, 0];
    line.clear();
  };
  const leave = (self: Waiter): void => {
    if (self.holds === 0) return;
    self.holds = 0;
    permits.leave();
    line.ring();
  };
  return {
    name: `waiter ${slot}`,
    self: { holds: 0, waits: 0 },
    calls: {
      wait(self) {
        line.publish(100 - slot, 1);
        look(self);
      },
      look,
      'look again': look,
      leave,
    },
  };
}

export const bell: Check = {
  title: 'bulkhead line: a waiting thread is woken when a permit is released',
  build: (modules) => (world) => {
    const block = world.block(modules, 3);
    const permits = new modules['bulkhead-cells'].BulkheadCells(block, 3, () => 100).of('a');
    permits.enter(1);
    const holder: Thread<Waiter> = {
      name: 'holder',
      self: { holds: 1, waits: 0 },
      calls: {
        leave(self) {
          self.holds = 0;
          permits.leave();
          permits.line.ring();
        },
      },
    };
    return model({
      threads: [waiter(modules, block, 1), waiter(modules, block, 2), holder],
      always: ({ selves }) => law(sumOf(selves, 'holds') <= 1, 'two threads hold the only permit'),
      finally: () => law(permits.held === 0, 'a thread has left without its permit'),
    });
  },
};

export const silentWaiter: Check = {
  title: 'bulkhead line: a thread that died while it waited delays no other thread for more than 20 ms',
  build: (modules) => (world) => {
    const block = world.block(modules, 2);
    const clock = world.clock(1000);
    const { BulkheadLine } = modules['bulkhead-line'];
    const line = (slot: number) => new BulkheadLine(block, slot, 0, clock.now);
    const [one, two] = [line(1), line(2)];
    return model<{ ahead: number }>({
      threads: [
        {
          name: 'waiter',
          self: { ahead: 0 },
          mayDie: true,
          calls: {
            say: () => one.publish(900, 1),
            'publish again': () => one.publish(900, 1),
            rest: () => one.clear(),
          },
        },
        {
          name: 'other',
          self: { ahead: 0 },
          calls: {
            look: (self) => {
              self.ahead = two.ahead(1000);
            },
          },
        },
        {
          name: 'time',
          self: { ahead: 0 },
          calls: { 'after 12 ms': () => clock.set(1012), 'after 34 ms': () => clock.set(1034) },
        },
      ],
      finally: ({ dead }) => {
        clock.set(1060);
        law(two.ahead(1055) === 0, `a thread is held up${dead === undefined ? '' : ' by a dead one'}`);
      },
    });
  },
};
