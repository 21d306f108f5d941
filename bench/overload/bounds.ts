// The bounds that must hold when the capacity is exceeded. A test compares them with docs/overload.md.
import { type Run, UNEVEN } from './runs.js';
import { cpuLate, type Shape } from './shapes.js';

export interface Bounds {
  /**
   * Least goodput at a rate of arrivals, and with connections that retry refused requests at once.
   */
  readonly goodput: { readonly rate: number; readonly 400: number; readonly 2000: number };
  /** The largest settled 99th percentile, as a multiple of the unloaded one. */
  readonly settledRatio: number;
  /** The longest time after the end of an overload in which requests are refused. */
  readonly refusedAfterMs: number;
}

export const BOUNDS = {
  usual: { goodput: { rate: 0.95, 400: 0.92, 2000: 0.88 }, settledRatio: 5, refusedAfterMs: 2_500 },
  /** CPU work that follows 300 ms after the admission makes the thread alternate between idle and late. */
  late: { goodput: { rate: 0.9, 400: 0.75, 2000: 0.65 }, settledRatio: 5, refusedAfterMs: 4_000 },
  /** Requests cost 15 ms or more, so a queue of a few requests is long. */
  costly: { goodput: { rate: 0.88, 400: 0.88, 2000: 0.88 }, settledRatio: 7, refusedAfterMs: 4_000 },
  uneven: { goodput: { rate: 0.88, 400: 0.88, 2000: 0.88 }, settledRatio: 40, refusedAfterMs: 4_000 },
} as const satisfies Readonly<Record<string, Bounds>>;

export function boundsOf(shape: Shape): Bounds {
  if (UNEVEN.includes(shape)) return BOUNDS.uneven;
  if (shape === cpuLate) return BOUNDS.late;
  return shape.settlingMs === undefined ? BOUNDS.usual : BOUNDS.costly;
}

export function leastGoodput({ shape, load }: { readonly load: string } & Pick<Run, 'shape'>): number {
  const { goodput } = boundsOf(shape);
  const connections = /^(\d+) connections$/.exec(load)?.[1];
  return connections === undefined ? goodput.rate : goodput[Number(connections) as 400 | 2000];
}
