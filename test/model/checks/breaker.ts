// The breaker (breaker-cell.ts, breaker-word.ts, breaker-window.ts): it opens once, admits a number of
// probes, and no lost probe can block it.
import type { Check } from '../check.js';
import { law, model, sumOf, type Thread } from '../model.js';
import type { MemoryModules } from '../small-memory.js';
import type { World } from '../world.js';

const [OPEN_MS, PROBE_MS] = [1000, 5000] as const;

interface Caller extends Record<string, number> {
  ticket: number;
  /** Probes under way. */
  probes: number;
}

type Cells = InstanceType<MemoryModules['breaker-cell']['BreakerCells']>;

const PROBE = 1 << 20;
const REFUSED = -1;

function breakersOf(
  modules: MemoryModules,
  world: World,
  now: () => number,
  probes: number,
  block = world.block(modules, 3),
) {
  const rule = {
    trips: (_: number, failures: number) => failures >= 2,
    openMs: OPEN_MS,
    probes,
    probeMs: PROBE_MS,
  };
  return (slot: number) => new modules['breaker-cell'].BreakerCells(block, slot, rule, now);
}

/** Opens the breaker, as failures of two calls do. */
function open(cells: Cells): void {
  const tickets = [cells.admit(0), cells.admit(0)];
  for (const ticket of tickets) cells.settle(0, ticket, 'failure');
}

/** Prepares a breaker whose open period is over: the next call may be a probe. */
function halfOpen(modules: MemoryModules, world: World, probes: number, block = world.block(modules, 3)) {
  const clock = world.clock(3000);
  const cells = breakersOf(modules, world, clock.now, probes, block);
  open(cells(0));
  clock.set(3000 + OPEN_MS);
  return { clock, cells };
}

const call = (
  cells: Cells,
  outcome: 'success' | 'failure' | 'ignored',
  name = `caller with ${outcome}`,
): Thread<Caller> => ({
  name,
  self: { ticket: REFUSED, probes: 0 },
  calls: {
    admit(self) {
      self.ticket = cells.admit(0);
      self.probes = self.ticket !== REFUSED && (self.ticket & PROBE) !== 0 ? 1 : 0;
    },
    settle(self) {
      self.probes = 0;
      if (self.ticket !== REFUSED) cells.settle(0, self.ticket, outcome);
    },
  },
});

export const opensOnce: Check = {
  title: 'breaker: failures in several threads open it, and it opens once',
  build: (modules) => (world) => {
    const cells = breakersOf(modules, world, () => 3000, 1);
    return model<Caller>({
      threads: [call(cells(1), 'failure'), call(cells(2), 'failure'), call(cells(3), 'success')],
      finally: () => {
        const { open: opened } = cells(0).transitions(0);
        law(opened === 1, `it has opened ${opened} times`);
        law(cells(0).state(0).state === 'open', 'it is not open');
      },
    });
  },
};

export const fewProbes: Check = {
  title: 'breaker: a half-open breaker admits its number of probes and no more, and their successes close it',
  build: (modules) => (world) => {
    const { cells } = halfOpen(modules, world, 2);
    return model<Caller>({
      threads: [1, 2, 3].map((slot) => call(cells(slot), 'success', `caller ${slot}`)),
      always: ({ selves }) =>
        law(sumOf(selves, 'probes') <= 2, `${sumOf(selves, 'probes')} probes of 2 at once`),
      finally: ({ selves }) => {
        const { state } = cells(0).state(0);
        const probes = selves.filter(({ ticket }) => ticket !== REFUSED && (ticket & PROBE) !== 0).length;
        law(state === 'closed' || probes < 2, `two probes have succeeded, and it is ${state}`);
        law(cells(0).transitions(0).closed <= 1, 'it has closed twice');
      },
    });
  },
};

export const failedProbe: Check = {
  title: 'breaker: a failed probe opens it again, whatever another probe reports',
  build: (modules) => (world) => {
    const { clock, cells } = halfOpen(modules, world, 2);
    return model<Caller>({
      threads: [call(cells(1), 'success'), call(cells(2), 'failure'), call(cells(3), 'ignored')],
      finally: ({ selves }) => {
        const { state } = cells(0).state(0);
        const failed = selves[1]!.ticket;
        if (failed === REFUSED || (failed & PROBE) === 0) return;
        law(state === 'open', `a probe has failed, and it is ${state}`);
        clock.set(3000 + 2 * OPEN_MS);
        law(cells(1).admit(0) !== REFUSED, 'no probe is admitted after the next open period');
      },
    });
  },
};

export const ignoredProbe: Check = {
  title: 'breaker: the permit of a probe with an ignored outcome is released',
  build: (modules) => (world) => {
    const { cells } = halfOpen(modules, world, 1);
    return model<Caller>({
      threads: [1, 2, 3].map((slot) => call(cells(slot), 'ignored', `caller ${slot}`)),
      always: ({ selves }) => law(sumOf(selves, 'probes') <= 1, 'two probes hold the only permit'),
      finally: () => law(cells(0).admit(0) !== REFUSED, 'the permit of a probe is lost'),
    });
  },
};

export const lostProbe: Check = {
  title: 'breaker: a probe that is lost with its thread does not block it, even when it is never reclaimed',
  build: (modules) => (world) => {
    const { clock, cells } = halfOpen(modules, world, 1);
    return model<Caller>({
      threads: [1, 2].map((slot) => ({ ...call(cells(slot), 'success', `caller ${slot}`), mayDie: true })),
      finally: () => {
        const fresh = cells(0);
        clock.set(3000 + OPEN_MS + PROBE_MS);
        if (fresh.admit(0) !== REFUSED) return;
        clock.set(3000 + 3 * OPEN_MS + PROBE_MS);
        const ticket = fresh.admit(0);
        law(ticket !== REFUSED, 'no probe is admitted after the time of a probe and an open period');
        fresh.settle(0, ticket, 'success');
        law(fresh.state(0).state === 'closed', 'it does not close');
      },
    });
  },
};

/** A call that comes when the probes have expired. */
const laterCall = (cells: Cells, clock: ReturnType<typeof halfOpen>['clock']): Thread<Caller> => {
  const { calls, ...thread } = call(cells, 'success', 'later caller');
  return {
    ...thread,
    calls: {
      'admit out of time': (self) => {
        clock.set(3000 + OPEN_MS + PROBE_MS);
        calls.admit!(self);
      },
    },
  };
};

/** A further call, when the open period after that is over. */
const laterCalls = (cells: Cells, clock: ReturnType<typeof halfOpen>['clock']): Thread<Caller> => {
  const { calls, ...thread } = laterCall(cells, clock);
  return {
    ...thread,
    calls: {
      ...calls,
      'admit when probes may be admitted': (self) => {
        if (self.ticket !== REFUSED) return;
        clock.set(3000 + 3 * OPEN_MS + PROBE_MS);
        call(cells, 'success').calls.admit!(self);
      },
    },
  };
};

/** A probe that was admitted before. */
const lateProbeOf = (cells: Cells, outcome: 'success' | 'ignored', name: string): Thread<Caller> => {
  const { calls, ...thread } = call(cells, outcome, name);
  return { ...thread, self: { ticket: cells.admit(0), probes: 1 }, calls: { settle: calls.settle! } };
};

export const lateProbe: Check = {
  title: 'breaker: a probe that ends too late closes it, unless another one has been admitted since',
  build: (modules) => (world) => {
    const { clock, cells } = halfOpen(modules, world, 1);
    return model<Caller>({
      threads: [lateProbeOf(cells(1), 'success', 'late probe'), laterCalls(cells(2), clock)],
      finally: ({ selves }) => {
        const { state } = cells(0).state(0);
        const expected = selves[1]!.probes === 1 ? 'half-open' : 'closed';
        law(state === expected, `it is ${state}, not ${expected}`);
      },
    });
  },
};

export const lateProbes: Check = {
  title: 'breaker: no permit of probes that end too late is lost, and none exists twice',
  build: (modules) => (world) => {
    const { clock, cells } = halfOpen(modules, world, 2);
    return model<Caller>({
      threads: [
        lateProbeOf(cells(1), 'success', 'late success'),
        lateProbeOf(cells(2), 'ignored', 'late probe with an ignored outcome'),
        laterCall(cells(3), clock),
      ],
      finally: ({ selves }) => {
        const state = cells(0).state(0);
        const own = selves[2]!.probes;
        if (state.state !== 'half-open') return law(false, `it is ${state.state}`);
        law(state.succeeded === 1, `${state.succeeded} have succeeded`);
        law(state.taken === 1 + own, `${state.taken} permits are taken, not ${1 + own}`);
      },
    });
  },
};

export const probesAfterDeath: Check = {
  title: 'breaker: the permit of the probe of a dead thread is released at once',
  interruptions: 2,
  deepInterruptions: 4,
  build: (modules) => (world) => {
    const { cells } = halfOpen(modules, world, 1);
    return model<Caller>({
      threads: [1, 2].map((slot) => call(cells(slot), 'ignored', `caller ${slot}`)),
      recovery: (dead) => ({ reclaim: () => cells(0).reclaim(dead + 1) }),
      finally: () => law(cells(0).admit(0) !== REFUSED, 'the permit of a probe is lost until its expiry'),
    });
  },
};

export const probesAfterInterruption: Check = {
  title: 'breaker: no probe is lost after an interruption in a thread that continues',
  interruptions: 1,
  deepInterruptions: 3,
  build: (modules) => (world) => {
    const block = world.block(modules, 2);
    const { cells } = halfOpen(modules, world, 1, block);
    const { words } = block.table('heldProbes');
    const stride = words.length / block.table('workerId').rows;
    return model<Caller>({
      threads: [1, 2].map((slot) => call(cells(slot), 'ignored', `caller ${slot}`)),
      recovery: (interrupted) => ({
        'goes on': () => {
          const own = cells(interrupted + 1);
          const ticket = own.admit(0);
          if (ticket !== REFUSED) own.settle(0, ticket, 'ignored');
        },
      }),
      always: ({ selves }) => law(sumOf(selves, 'probes') <= 1, 'two probes hold the only permit'),
      finally: () => {
        law(modules['permit-census'].permitCensus(block)() === 0, 'a census does not succeed');
        const state = cells(0).state(0);
        const counted = state.state === 'half-open' ? state.taken : 0;
        const held = [1, 2].reduce((sum, slot) => sum + (words[slot * stride]! & 0xf), 0);
        law(counted === held, `probes: ${counted}, of threads: ${held}`);
      },
    });
  },
};

/** A call that was admitted before the row was assigned to another endpoint. */
const lateCall = (cells: Cells, name: string): Thread<Caller> => {
  const { calls, ...thread } = call(cells, 'failure', name);
  return { ...thread, self: { ticket: cells.admit(0), probes: 0 }, calls: { settle: calls.settle! } };
};

const reset = (cells: Cells): Thread<Caller> => ({
  name: 'primary',
  self: { ticket: 0, probes: 0 },
  calls: { reset: () => cells.reset(0) },
});

export const otherEndpoint: Check = {
  title: 'breaker: calls from before a reset can neither open nor close the breaker after it',
  build: (modules) => (world) => {
    const cells = breakersOf(modules, world, () => 3000, 1);
    return model<Caller>({
      threads: [lateCall(cells(1), 'caller 1'), lateCall(cells(2), 'caller 2'), reset(cells(0))],
      finally: () => {
        const { state } = cells(0).state(0);
        law(state === 'closed', `a call of before has left it ${state}`);
      },
    });
  },
};

export const windowAfterReset: Check = {
  title: 'breaker: a call from before a reset does not count after it',
  build: (modules) => (world) => {
    const cells = breakersOf(modules, world, () => 3000, 1);
    return model<Caller>({
      threads: [lateCall(cells(1), 'caller'), reset(cells(0))],
      finally: () => {
        const state = cells(0).state(0);
        if (state.state === 'closed') law(state.failures === 0, `failures of before: ${state.failures}`);
      },
    });
  },
};

export const forced: Check = {
  title: 'breaker: a forced state stays, whatever calls end meanwhile',
  build: (modules) => (world) => {
    const cells = breakersOf(modules, world, () => 3000, 1);
    return model<Caller>({
      threads: [
        call(cells(1), 'failure'),
        call(cells(2), 'failure', 'another caller'),
        {
          name: 'operator',
          self: { ticket: 0, probes: 0 },
          calls: { force: () => cells(0).force(0, 'closed') },
        },
      ],
      finally: () => {
        const { state } = cells(0).state(0);
        law(state === 'forced-closed', `it is ${state}`);
      },
    });
  },
};

const SECOND = 5;
/** The seconds after which a bucket number repeats: a bucket keeps 9 bits of it, and there are 11 buckets. */
const ROUND = 512 * 11;

export const staleWindow: Check = {
  title: 'breaker window: counts from before the seconds wrapped around are dropped, whichever thread dies',
  build: (modules) => (world) => {
    const block = world.block(modules, 1);
    const { BreakerWindow } = modules['breaker-window'];
    const [window, now] = [new BreakerWindow(block), SECOND + ROUND];
    for (let n = 0; n < 5; n++) window.addFailure(0, SECOND);
    const caller = (name: string): Thread<{ counted: number }> => ({
      name,
      self: { counted: 0 },
      mayDie: true,
      calls: {
        count(self) {
          new BreakerWindow(block).addFailure(0, now);
          self.counted = 1;
        },
      },
    });
    return model<{ counted: number }>({
      threads: [caller('caller 1'), caller('caller 2')],
      always: () => law(window.failures(0, now) <= 2, `${window.failures(0, now)} failures of 2 calls`),
      finally: ({ dead }) => {
        // A failure that is counted while another thread clears the bucket may be lost.
        if (dead === undefined) law(window.failures(0, now) >= 1, 'both failures are lost');
        window.addFailure(0, now + 1);
        law(window.failures(0, now + 1) > 0, 'failures are no longer counted');
      },
    });
  },
};
