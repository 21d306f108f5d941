// What the load clients share: their arguments, the measured time, and the result that they print.
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadResult } from '../load.js';

const [address = '', connections = '', seconds = ''] = process.argv.slice(2);

export const TARGET = new URL(address);
export const CONNECTIONS = Number(connections);
const SECONDS = Number(seconds);

/** What a client counts. The counters run from its first connection on. */
export interface Counters {
  completed: number;
  failed: number;
  /** Durations of single exchanges in milliseconds; empty where the server sets the pace. */
  latencies: number[];
}

/** Waits for the measured time, prints the result of it, and ends the process with all its connections. */
export async function report(counters: Counters): Promise<never> {
  counters.latencies = [];
  const { completed, failed } = counters;
  const began = performance.now();
  process.stdout.write('begin\n');
  await sleep(SECONDS * 1000);
  process.stdout.write('end\n');
  const seen = counters.completed - completed;
  const result = {
    completed: seen,
    failed: counters.failed - failed,
    perSecond: (seen * 1000) / (performance.now() - began),
    p50Ms: quantile(counters.latencies, 0.5),
    p99Ms: quantile(counters.latencies, 0.99),
  } satisfies LoadResult;
  await new Promise<void>((resolve) => process.stdout.write(`${JSON.stringify(result)}\n`, () => resolve()));
  process.exit(0);
}

function quantile(values: readonly number[], rank: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * rank))] ?? 0;
}

/** Ends the process with a message. It begins with what has failed. */
export function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
