// What has to hold where the capacity is exceeded. docs/overload.md says the same, and a test keeps it so.
import type { RunResult } from './runs.js';
import { cpuLate } from './shapes.js';

/** Least goodput at a rate of arrivals, and beside so many connections that repeat at once what is refused. */
export const LEAST_GOODPUT = { rate: 0.95, 400: 0.92, 2000: 0.88 };

/** The same for CPU that comes 300 ms after the admission: it makes the thread idle and late by turns. */
export const LEAST_GOODPUT_LATE = { rate: 0.9, 400: 0.75, 2000: 0.65 };

/** Most of the 99th percentile without the first second, by the unloaded one. */
export const MOST_SETTLED_RATIO = 5;

/** Most time after the end of an overload in which something is refused. */
export const MOST_REFUSED_AFTER_MS = 2_000;

export function leastGoodput({ shape, load }: Pick<RunResult, 'shape' | 'load'>): number {
  const least = shape === cpuLate ? LEAST_GOODPUT_LATE : LEAST_GOODPUT;
  const connections = /^(\d+) connections$/.exec(load)?.[1];
  return connections === undefined ? least.rate : least[Number(connections) as 400 | 2000];
}
