// Resources that requests hold (quota-cells.ts), by client address as well (address-cells.ts), and the counts
// of the balancer counts (endpoint-cells.ts, open-connections.ts).
import type { Check } from '../check.js';
import { law, model, sumOf, type Thread } from '../model.js';
import type { MemoryModules } from '../small-memory.js';
import type { World } from '../world.js';

/** Runs the pending censuses, as the primary does every second. */
const settle = (modules: MemoryModules, block: ReturnType<World['block']>): void =>
  law(
    modules['permit-census'].permitCensus(block)() === 0,
    'a census does not succeed though nothing is under way',
  );

interface Holder extends Record<string, number> {
  holds: number;
}

/** A thread that takes units and releases them. */
const holder = (name: string, take: () => number, give: (amount: number) => void): Thread<Holder> => ({
  name,
  self: { holds: 0 },
  calls: {
    take(self) {
      self.holds = take();
    },
    give(self) {
      const amount = self.holds;
      self.holds = 0;
      if (amount > 0) give(amount);
    },
  },
});

const AMOUNTS = [1, 2, 3];
const MOST = 3;

const quotasOf = (modules: MemoryModules, world: World, count: number) => {
  const block = world.block(modules, count);
  const cells = (slot: number) => new modules['quota-cells'].QuotaCells(block, slot, 'bodyBytes');
  const threads = Array.from({ length: count }, (_, index) => {
    const own = cells(index + 1);
    const amount = AMOUNTS[index]!;
    return holder(
      `thread ${index + 1}`,
      () => (own.take(amount, MOST) ? amount : 0),
      (held) => own.give(held),
    );
  });
  return { block, threads, onlooker: cells(0) };
};

export const quota: Check = {
  title: 'quota: all threads together never hold more than the bound, and nothing in the end',
  build: (modules) => (world) => {
    const { threads, onlooker } = quotasOf(modules, world, 3);
    return model({
      threads,
      always: ({ selves }) =>
        law(sumOf(selves, 'holds') <= MOST, `${sumOf(selves, 'holds')} units of ${MOST} are held`),
      finally: () => law(onlooker.held === 0, `${onlooker.held} units have no holder`),
    });
  },
};

export const quotaAfterDeath: Check = {
  title: 'quota: after the death of a thread exactly the units of living threads are held',
  build: (modules) => (world) => {
    const { block, threads, onlooker } = quotasOf(modules, world, 2);
    const { reclaimQuotas } = modules['quota-cells'];
    return model({
      threads,
      recovery: (dead) => ({ reclaim: () => reclaimQuotas(block, dead + 1) }),
      finally: ({ living }) => {
        settle(modules, block);
        const held = sumOf(living, 'holds');
        law(onlooker.held === held, `units held: ${onlooker.held}, by living threads: ${held}`);
      },
    });
  },
};

/** Two words for each quota before that of bytes. */
const WORDS_BEFORE = 2;

export const quotaAfterInterruption: Check = {
  title:
    'quota: the units of threads are counted exactly after an interruption in a thread that continues and takes no more',
  build: (modules) => (world) => {
    const { block, threads, onlooker } = quotasOf(modules, world, 2);
    const { interruptedPermits } = modules['permit-census'];
    const { heldByThread } = modules['permit-ledger'];
    return model({
      threads,
      recovery: (interrupted) => ({ look: interruptedPermits(block, interrupted + 1) }),
      always: ({ selves }) =>
        law(sumOf(selves, 'holds') <= MOST, `${sumOf(selves, 'holds')} units of ${MOST} are held`),
      finally: ({ living }) => {
        settle(modules, block);
        // The words of an interrupted call show whether it was completed.
        const own = [1, 2].map((slot) => block.words('workerQuotaHeld', slot).subarray(WORDS_BEFORE));
        const held = own.reduce((sum, words) => sum + heldByThread(words), 0);
        law(onlooker.held === held, `units held: ${onlooker.held}, by threads: ${held}`);
        law(held >= sumOf(living, 'holds'), 'units that a thread holds do not count');
      },
    });
  },
};

export const address: Check = {
  title:
    'address cells: an address never exceeds its bound, and after a death its count is that of the living threads',
  interruptions: 1,
  build: (modules) => (world) => {
    const block = world.block(modules, 3);
    const { AddressCells, addressKeys } = modules['address-cells'];
    const key = addressKeys(block)('10.0.0.1');
    const thread = (slot: number) => {
      const cells = new AddressCells(block, slot, 'bodies');
      return holder(
        `thread ${slot}`,
        () => (cells.take(key, 1, 2) ? 1 : 0),
        () => cells.give(key, 1),
      );
    };
    return model({
      threads: [thread(1), thread(2), thread(3)],
      recovery: (dead) => ({ reclaim: () => new AddressCells(block, dead + 1, 'bodies').clear() }),
      always: ({ living }) => law(sumOf(living, 'holds') <= 2, 'an address holds more than its bound'),
      finally: ({ living }) => {
        const cells = new AddressCells(block, 0, 'bodies');
        const held = sumOf(living, 'holds');
        law(cells.held(key) === held, `units held: ${cells.held(key)}, by living threads: ${held}`);
      },
    });
  },
};

export const endpointAfterDeath: Check = {
  title: 'endpoint cells: after the death of a thread exactly the calls of living threads are in flight',
  build: (modules) => (world) => {
    const block = world.block(modules, 2);
    const { EndpointCells } = modules['endpoint-cells'];
    const cells = (slot: number) => new EndpointCells(block, slot, () => 0);
    const thread = (slot: number) => {
      const own = cells(slot);
      return holder(
        `thread ${slot}`,
        () => {
          own.begin(0);
          return 1;
        },
        () => own.end(0),
      );
    };
    return model({
      threads: [thread(1), thread(2)],
      recovery: (dead) => ({ reclaim: () => cells(0).reclaim(dead + 1) }),
      finally: ({ living }) => {
        settle(modules, block);
        const inFlight = cells(0).inFlight(0);
        const held = sumOf(living, 'holds');
        law(inFlight === held, `calls in flight: ${inFlight}, of living threads: ${held}`);
      },
    });
  },
};

export const endpointReset: Check = {
  title: 'endpoint cells: calls that end while their row is assigned to another endpoint are subtracted once',
  build: (modules) => (world) => {
    const block = world.block(modules, 2);
    const { EndpointCells } = modules['endpoint-cells'];
    const cells = (slot: number) => new EndpointCells(block, slot, () => 0);
    const thread = (slot: number): Thread<Holder> => {
      const own = cells(slot);
      own.begin(0);
      return { name: `thread ${slot}`, self: { holds: 1 }, calls: { end: () => own.end(0) } };
    };
    return model<Holder>({
      threads: [
        thread(1),
        thread(2),
        { name: 'primary', self: { holds: 0 }, calls: { reset: () => cells(0).reset(0) } },
      ],
      finally: () =>
        law(cells(0).inFlight(0) === 0, `${cells(0).inFlight(0)} calls are in flight in the end`),
    });
  },
};

const connectionsOf = (modules: MemoryModules, world: World, count: number) => {
  const block = world.block(modules, count);
  const { Connections, readConnections } = modules['open-connections'];
  const threads = Array.from({ length: count }, (_, index) => {
    const own = new Connections(block, index + 1, 1);
    return holder(
      `worker ${index + 1}`,
      () => (own.enter() ? 1 : 0),
      () => own.leave(),
    );
  });
  return { block, threads, total: () => readConnections(block) };
};

export const connections: Check = {
  title: 'connections: there are never more open than the limit, and none in the end',
  build: (modules) => (world) => {
    const { threads, total } = connectionsOf(modules, world, 3);
    return model({
      threads,
      always: ({ selves }) => law(sumOf(selves, 'holds') <= 1, 'more connections are open than the limit'),
      finally: () => law(total() === 0, `${total()} connections are counted in the end`),
    });
  },
};

export const connectionsAfterDeath: Check = {
  title: 'connections: after the death of a worker exactly those of living workers are counted',
  build: (modules) => (world) => {
    const { block, threads, total } = connectionsOf(modules, world, 2);
    const { reclaimConnections } = modules['open-connections'];
    return model({
      threads,
      recovery: (dead) => ({ reclaim: () => reclaimConnections(block, dead + 1) }),
      finally: ({ living }) => {
        settle(modules, block);
        const held = sumOf(living, 'holds');
        law(total() === held, `connections: ${total()}, of living workers: ${held}`);
      },
    });
  },
};

export const requestsAfterDeath: Check = {
  title: 'requests in flight: after the death of a worker exactly those of living workers are counted',
  build: (modules) => (world) => {
    const block = world.block(modules, 2);
    const { AdmissionCells, readInFlight, reclaimAdmission } = modules['admission-cells'];
    const thread = (slot: number) => {
      const route = new AdmissionCells(block, slot).routeOf('a');
      return holder(
        `worker ${slot}`,
        () => {
          route.enter();
          return 1;
        },
        () => route.leave(),
      );
    };
    return model({
      threads: [thread(1), thread(2)],
      recovery: (dead) => ({ reclaim: () => reclaimAdmission(block, dead + 1) }),
      finally: ({ living }) => {
        settle(modules, block);
        const [inFlight, held] = [readInFlight(block), sumOf(living, 'holds')];
        law(inFlight === held, `requests in flight: ${inFlight}, of living workers: ${held}`);
      },
    });
  },
};
