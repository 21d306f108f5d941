// The shapes of load with which the rule is tested, and the purpose of each.
import type { RouteSpec } from './gates/gate.js';
import { OVERHEAD_MS, type Work } from './model.js';
import type { Pauses } from './model-loop.js';
import type { Random } from './random.js';

export interface Phase {
  readonly name: string;
  readonly ms: number;
  /** Load as a share of the capacity. */
  readonly load: number;
  /**
   * Number of connections that send again as soon as a response arrives, instead of arrivals at a rate.
   */
  readonly connections?: number;
  /** The variant, on which the work of the shape depends. */
  readonly variant?: number;
  /** Groups of requests that arrive at the same moment, in addition to the others. */
  readonly bursts?: { readonly everyMs: number; readonly requests: number };
}

export interface Shape {
  readonly name: string;
  readonly routes: readonly RouteSpec[];
  readonly work: (random: Random, variant: number) => Work;
  /** Mean CPU time of a request in milliseconds, which determines the capacity. */
  readonly cpuMs: number;
  readonly pauses?: (random: Random) => Pauses;
  /** Share of the thread that the pauses take. */
  readonly pausesShare?: number;
  /** The setting MAX_IN_FLIGHT. */
  readonly most?: number;
  /** Time after a step in which an overload must be recognized and its queue worked off. @default 1 s */
  readonly settlingMs?: number;
}

export const SETTLING_MS = 1_000;
/** The settling time where requests are so costly that many of them take longer than the default. */
const COSTLY_SETTLING_MS = 5_000;

const ONE: readonly RouteSpec[] = [{ name: 'one' }];

const simple = (name: string, cpu: readonly number[], wait: (random: Random) => number): Shape => ({
  name,
  routes: ONE,
  cpuMs: sum(cpu),
  work: (random) => ({ route: 0, cpu, waits: cpu.slice(1).map(() => wait(random)) }),
});

const sum = (values: readonly number[]): number => values.reduce((total, one) => total + one, OVERHEAD_MS);
const CHEAP = [0.2, 0.2];
/** Requests with 5 ms of CPU before or after 20 ms of waiting, or half of it before and after. */
const HEAVY = { before: [5, 0], after: [0, 5], split: [2.5, 2.5] } as const;

export const constant = simple('constant: 0.4 ms CPU, 20 ms wait', CHEAP, () => 20);
export const bimodal = simple('bimodal: wait 5 or 300 ms', CHEAP, (random) =>
  random.next() < 0.5 ? 5 : 300,
);
export const lognormal = simple('lognormal: wait median 10 ms, sigma 2', CHEAP, (random) =>
  Math.min(60_000, random.lognormal(10, 2)),
);
export const cpuBefore = simple('5 ms CPU before 20 ms wait', HEAVY.before, () => 20);
export const cpuAfter = simple('5 ms CPU after 20 ms wait', HEAVY.after, () => 20);
export const cpuSplit = simple('5 ms CPU around 20 ms wait', HEAVY.split, () => 20);
export const cpuLate = simple('5 ms CPU after 300 ms wait', HEAVY.after, () => 300);
export const synchronous = simple('1 ms CPU, no wait', [1], () => 0);
export const byDatabase: Shape = {
  name: '5 ms CPU in three parts, two socket waits',
  routes: ONE,
  cpuMs: sum([1, 2, 2]),
  work: () => ({ route: 0, cpu: [1, 2, 2], waits: [20, 20], via: 'socket' }),
};

/** Requests with so much CPU time that a few of them are a queue. */
export const costly = (cpuMs: number): readonly Shape[] => [
  { ...simple(`${cpuMs} ms CPU before 20 ms wait`, [cpuMs, 0], () => 20), settlingMs: COSTLY_SETTLING_MS },
  {
    ...simple(`${cpuMs} ms CPU around 20 ms wait`, [cpuMs / 2, cpuMs / 2], () => 20),
    settlingMs: COSTLY_SETTLING_MS,
  },
  {
    name: `${cpuMs} ms CPU after 20 ms socket wait`,
    routes: ONE,
    cpuMs: sum([0.2, cpuMs]),
    work: () => ({ route: 0, cpu: [0.2, cpuMs], waits: [20], via: 'socket' }),
    settlingMs: COSTLY_SETTLING_MS,
  },
];

const ONE_IN_TEN = (random: Random): number => (random.next() < 0.1 ? 60 : 0.8);
const oneInTen = (place: string, work: (random: Random) => readonly number[]): Shape => ({
  name: `60 ms CPU for one in ten, 1 ms for the others, ${place} 20 ms wait`,
  routes: ONE,
  cpuMs: sum([0.2, 6.72]),
  work: (random) => ({ route: 0, cpu: work(random), waits: [20], via: 'socket' }),
  settlingMs: COSTLY_SETTLING_MS,
});
export const oneInTenBefore = oneInTen('before', (random) => [ONE_IN_TEN(random), 0.2]);
export const oneInTenAfter = oneInTen('after', (random) => [0.2, ONE_IN_TEN(random)]);

export const besideCheap: Shape = {
  name: '30 ms CPU after 20 ms wait for one in 21, 0.4 ms for the others',
  routes: [{ name: 'cheap' }, { name: 'heavy' }],
  cpuMs: sum([(30.4 + 20 * 0.4) / 21]),
  work: (random) =>
    random.next() < 1 / 21
      ? { route: 1, cpu: [0.4, 30], waits: [20], via: 'socket' }
      : { route: 0, cpu: CHEAP, waits: [20], via: 'socket' },
  settlingMs: COSTLY_SETTLING_MS,
};

/** Requests whose wait is the variant. */
export const latencySteps: Shape = {
  name: 'wait steps from 20 to 500 to 10 ms',
  routes: ONE,
  cpuMs: sum(CHEAP),
  work: (_random, wait) => ({ route: 0, cpu: CHEAP, waits: [wait] }),
};

/** The variant is the percentage of requests that cost 5 ms instead of 0.4 ms. */
export const changingMix: Shape = {
  name: 'mix: 0.1 to 6 % of requests cost 5 ms',
  routes: [{ name: 'cheap' }, { name: 'heavy' }],
  cpuMs: sum([0.2 + 0.06 * 0.8, 0.2 + 0.06 * 3.8]),
  work: (random, percent) =>
    random.next() * 100 < percent
      ? { route: 1, cpu: [1, 4], waits: [20] }
      : { route: 0, cpu: CHEAP, waits: [20] },
};

/** A cheap route and a heavy one. The variant is the number of heavy requests per cheap one. */
export const heavyFlood: Shape = {
  name: 'a heavy route floods beside a cheap one',
  routes: [{ name: 'cheap' }, { name: 'heavy' }],
  cpuMs: 1,
  work: (random, heavy) =>
    random.next() < heavy / (1 + heavy)
      ? { route: 1, cpu: [1, 4], waits: [20] }
      : { route: 0, cpu: CHEAP, waits: [20] },
};

/** The same two routes, with handlers that do not wait. */
export const heavyFloodAtOnce: Shape = {
  ...heavyFlood,
  name: 'a heavy route that does not wait floods beside a cheap one',
  work: (random, heavy) =>
    random.next() < heavy / (1 + heavy)
      ? { route: 1, cpu: [5], waits: [] }
      : { route: 0, cpu: CHEAP, waits: [20] },
};

/** The same two routes, where the heavy one has the priority `background`. */
export const heavyBackground: Shape = {
  ...heavyFlood,
  name: 'a heavy background route floods beside a cheap one',
  routes: [{ name: 'cheap' }, { name: 'heavy', priority: 'background' }],
};

/** Five routes, one of which waits for a dependency. The variant is the duration of that wait. */
export const slowDependency: Shape = {
  name: 'one of five routes waits for a slow dependency',
  routes: ['a', 'b', 'c', 'd', 'slow'].map((name) => ({ name })),
  cpuMs: sum(CHEAP),
  most: 1_000,
  work(random, waitMs) {
    const route = Math.floor(random.next() * 5);
    return { route, cpu: CHEAP, waits: [route === 4 ? waitMs : 20] };
  },
};

const MANY = 300;
/** Many rarely used routes: a thread does not know most of their costs for minutes. */
export const manyRoutes: Shape = {
  name: `${MANY} routes, 1 to 9 ms CPU after 20 ms wait`,
  routes: Array.from({ length: MANY }, (_, index) => ({ name: `route ${index}` })),
  cpuMs: sum([5]),
  work(random) {
    const route = Math.floor(random.next() * MANY);
    return { route, cpu: [0, 1 + (route % 9)], waits: [20] };
  },
  settlingMs: COSTLY_SETTLING_MS,
};

export const uploads: Shape = {
  name: 'uploads: bodies arrive over 5 s',
  routes: ONE,
  cpuMs: sum(CHEAP),
  work: () => ({ route: 0, cpu: CHEAP, waits: [20], uploadMs: 5_000 }),
};

export const streams: Shape = {
  name: 'streams: 20 pieces in 10 s',
  routes: ONE,
  cpuMs: sum(CHEAP) + 1,
  work: () => ({
    route: 0,
    cpu: CHEAP,
    waits: [20],
    stream: { pieces: 20, everyMs: 500, cpuMs: 0.05 },
  }),
};

const pausing = (everyMs: number, lengthMs: number) => (random: Random) => {
  const later = (): number => everyMs * (0.5 + random.next());
  let next = later();
  return (now: number): number => {
    if (now < next) return 0;
    next = now + later();
    return lengthMs;
  };
};

export const collections: Shape = {
  ...constant,
  name: 'pauses of 200 ms every 4 s',
  pauses: pausing(4_000, 200),
  pausesShare: 0.05,
};

export const rareHeavy: Shape = {
  name: 'one request in 30,000 takes 300 ms of CPU',
  routes: ONE,
  cpuMs: sum(CHEAP) + 0.01,
  work: (random) =>
    random.next() < 1 / 30_000
      ? { route: 0, cpu: [300, 0], waits: [1] }
      : { route: 0, cpu: CHEAP, waits: [20] },
};
