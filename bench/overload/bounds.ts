// What has to hold where the capacity is exceeded. docs/overload.md says the same, and a test keeps it so.
import { type Run, UNEVEN } from './runs.js';
import { cpuLate, type Shape } from './shapes.js';

export interface Bounds {
  /**
   * Least goodput at a rate of arrivals, and beside so many connections that repeat at once what is refused.
   */
  readonly goodput: { readonly rate: number; readonly 400: number; readonly 2000: number };
  /** Most of the settled 99th percentile, by the unloaded one. */
  readonly settledRatio: number;
  /** Most time after the end of an overload in which something is refused. */
  readonly refusedAfterMs: number;
}

export const BOUNDS = {
  usual: { goodput: { rate: 0.95, 400: 0.92, 2000: 0.88 }, settledRatio: 5, refusedAfterMs: 2_500 },
  /** CPU that comes 300 ms after the admission makes the thread idle and late by turns. */
  late: { goodput: { rate: 0.9, 400: 0.75, 2000: 0.65 }, settledRatio: 5, refusedAfterMs: 4_000 },
  /** 15 ms and more: a queue of a few requests is a long one. */
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
