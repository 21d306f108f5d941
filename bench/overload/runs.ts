// The runs of the table: each shape of load at several shares of its capacity, and the shapes that consist of
// steps.
import type { Policy } from './gates/gate.js';
import { ours } from './gates/ours.js';
import * as shapes from './shapes.js';
import { type PhaseResult, simulate } from './simulate.js';

export interface Run {
  readonly shape: shapes.Shape;
  readonly workers: number;
  /** The phases. The first one is the reference for the others. */
  readonly phases: readonly shapes.Phase[];
  /** Indexes of the phases that are judged. */
  readonly judged: readonly number[];
}

/** The result of one judged phase. */
export interface RunResult {
  readonly title: string;
  readonly load: string;
  readonly workers: number;
  readonly shape: shapes.Shape;
  /** Whether the capacity is exceeded in this phase. */
  readonly isOverload: boolean;
  readonly result: PhaseResult;
  /** 99th percentile of the phase as a multiple of that of the first phase, which is at least 20 ms. */
  readonly latencyRatio: number;
  /** The same multiple, without the time in which the shape settles. */
  readonly settledRatio: number;
  /** Milliseconds from the end of the phase until no request is refused any more. */
  readonly refusedAfterMs: number;
}

/** Latencies below this are noise on the machines where the results are compared. */
const LEAST_UNLOADED_MS = 20;
const UNLOADED: shapes.Phase = { name: 'unloaded', ms: 5_000, load: 0.1 };
const AFTER: shapes.Phase = { name: 'after', ms: 5_000, load: 0 };
/**
 * Least number of requests in the unloaded phase, and a quarter of that in the judged one: fewer give no
 * reliable 99th percentile.
 */
const LEAST_REQUESTS = 1_000;

export interface RunLength {
  /** Duration of the judged phase in milliseconds. */
  readonly judgedMs: number;
}

const WHOLE: RunLength = { judgedMs: 30_000 };

const judging = (
  shape: shapes.Shape,
  workers: number,
  phase: Partial<shapes.Phase>,
  length: RunLength,
): Run => ({
  shape,
  workers,
  phases: [
    lasting(UNLOADED, (LEAST_REQUESTS * shape.cpuMs) / UNLOADED.load / workers),
    lasting({ name: '', ms: length.judgedMs, load: 0, ...phase }, (LEAST_REQUESTS / 4) * shape.cpuMs),
    { ...AFTER, load: Math.min(0.7, calmLoads(shape)[1]!) },
  ],
  judged: [1],
});

const lasting = (phase: shapes.Phase, leastMs: number): shapes.Phase => ({
  ...phase,
  ms: Math.max(phase.ms, leastMs),
});

/** @param load share of the capacity */
export const atLoad = (shape: shapes.Shape, load: number, workers = 2, length = WHOLE): Run =>
  judging(shape, workers, { name: `${load} x`, load }, length);

/** Connections that send the next request as soon as a response arrives, also when it is a refusal. */
export const closedLoop = (shape: shapes.Shape, connections: number, workers = 2, length = WHOLE): Run =>
  judging(shape, workers, { name: `${connections} connections`, connections }, length);

/** A run in which all phases after the first are judged. */
const steps = (shape: shapes.Shape, phases: readonly shapes.Phase[]): Run => ({
  shape,
  workers: 2,
  phases,
  judged: phases.slice(1).map((_, index) => index + 1),
});

const step = (name: string, load: number, more: Partial<shapes.Phase> = {}): shapes.Phase => ({
  name,
  ms: 10_000,
  load,
  ...more,
});

const HEAVY = [shapes.cpuBefore, shapes.cpuAfter, shapes.cpuSplit, shapes.byDatabase, shapes.cpuLate];
const COSTLY = [15, 30, 60, 100].flatMap((cpuMs) => shapes.costly(cpuMs));
export const UNEVEN: readonly shapes.Shape[] = [
  shapes.oneInTenBefore,
  shapes.oneInTenAfter,
  shapes.besideCheap,
];
const MANY = [shapes.manyRoutes];
const LIGHT = [shapes.constant, shapes.bimodal, shapes.lognormal, shapes.synchronous];

/**
 * The share of the capacity up to which nothing may be refused. Above it, queues as long as those of an
 * overload occur at random, and the more often the more a request costs.
 */
function calmLoads(shape: shapes.Shape): readonly number[] {
  if (LIGHT.includes(shape)) return [0.5, 0.8, 0.95];
  if (shape.cpuMs < 50) return [0.5, 0.8];
  return shape.cpuMs < 90 ? [0.4, 0.7] : [0.3, 0.5];
}

/** Runs whose capacity is not exceeded, so nothing may be refused. */
export function calmRuns(length = WHOLE): readonly Run[] {
  return [
    ...[...HEAVY, ...LIGHT, ...COSTLY, ...MANY].flatMap((shape) =>
      calmLoads(shape).map((load) => atLoad(shape, load, 2, length)),
    ),
    ...UNEVEN.flatMap((shape) => [0.3, 0.5].map((load) => atLoad(shape, load, 2, length))),
    atLoad(shapes.besideCheap, 0.7, 2, length),
    ...[1, 16].flatMap((workers) =>
      [shapes.cpuSplit, ...shapes.costly(30)].map((shape) => atLoad(shape, 0.8, workers, length)),
    ),
    ...[0.5, 0.8].flatMap((load) =>
      [shapes.uploads, shapes.streams, shapes.collections, shapes.rareHeavy].map((shape) =>
        atLoad(shape, load, 2, length),
      ),
    ),
    steps(shapes.latencySteps, [
      step('20 ms', 0.5, { variant: 20 }),
      step('to 500 ms at 0.5 x', 0.5, { variant: 500 }),
      step('to 10 ms at 0.5 x', 0.5, { variant: 10 }),
    ]),
    ...[shapes.cpuSplit, shapes.constant].map((shape) =>
      steps(shape, [
        step('0.05 x', 0.05),
        step('step to 0.8 x', 0.8),
        step('step to 0.05 x', 0.05),
        step('step to 0.8 x again', 0.8),
      ]),
    ),
    steps(shapes.changingMix, [
      step('0.1 %', 0.8, { variant: 0.1 }),
      step('to 6 % at 0.8 x', 0.8, { variant: 6 }),
      step('to 0.1 % at 0.8 x', 0.8, { variant: 0.1 }),
    ]),
    steps(shapes.constant, [
      step('0.2 x', 0.2),
      step('0.2 x and 400 at once every second', 0.2, { bursts: { everyMs: 1_000, requests: 400 } }),
    ]),
  ];
}

export function overloadRuns(length = WHOLE): readonly Run[] {
  return [
    ...HEAVY.flatMap((shape) => [
      ...[2, 10].map((load) => atLoad(shape, load, 2, length)),
      ...[400, 2_000].map((connections) => closedLoop(shape, connections, 2, length)),
    ]),
    ...[...COSTLY, ...MANY, ...UNEVEN, ...LIGHT].flatMap((shape) =>
      [2, 10].map((load) => atLoad(shape, load, 2, length)),
    ),
    ...[1, 16].flatMap((workers) =>
      [shapes.cpuSplit, ...shapes.costly(30)].map((shape) => atLoad(shape, 10, workers, length)),
    ),
  ];
}

/** Shapes of which single routes are reported. */
export const routeRuns = (): readonly Run[] => [
  steps(shapes.slowDependency, [
    step('unloaded', 0.1, { variant: 20 }),
    step('waits 10 s at 0.5 x', 0.5, { variant: 10_000, ms: 20_000 }),
    step('waits 10 s at 10 x', 10, { variant: 10_000, ms: 8_000 }),
  ]),
  ...[shapes.heavyFlood, shapes.heavyFloodAtOnce, shapes.heavyBackground].map((shape) =>
    steps(shape, [
      step('1,000 cheap and 40 heavy a second', 0.52, { variant: 0.04 }),
      step('1,000 cheap and 4,000 heavy a second', 2.5, { variant: 4 }),
    ]),
  ),
];

/** @returns one result for each phase that is judged */
export function runOne(run: Run, policy?: Policy, seed = 1): readonly RunResult[] {
  const { shape, phases, workers, judged } = run;
  const most = shape.most ?? 10_000;
  const results = simulate({ shape, phases, workers, seed, policy: policy ?? ours({ most }) });
  const unloadedMs = Math.max(LEAST_UNLOADED_MS, results[0]!.p99Ms);
  return judged.map((index) => {
    const phase = phases[index]!;
    const result = results[index]!;
    return {
      title: shape.name,
      load: phase.name,
      workers,
      shape,
      isOverload: phase.load > 1 || phase.connections !== undefined,
      result,
      latencyRatio: result.p99Ms / unloadedMs,
      settledRatio: result.settledP99Ms / unloadedMs,
      refusedAfterMs: results[index + 1]?.refusedForMs ?? 0,
    };
  });
}
