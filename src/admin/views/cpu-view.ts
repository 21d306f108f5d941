// The CPU pool: its threads, its queue, and its tasks.
import type { Traffic } from './traffic.js';

/** The pool as the views read it. */
export interface CpuPoolReading {
  readonly liveThreads: number;
  /** The most threads. */
  readonly threads: number;
  readonly running: number;
  readonly queueLength: number;
  /** The number of tasks that may wait. */
  readonly queueLimit: number;
  /** The pool's utilization in the last seconds, whenever it was read before. */
  readonly recentUtilization: number;
  readonly refused: Readonly<Record<string, number>>;
  /** Threads that were ordered to end and still run. */
  readonly unfinished: readonly unknown[];
}

/** Shares of the busy time of the workers. */
export interface CpuShares {
  /** The largest first. */
  readonly shares: readonly { readonly route: string; readonly ratio: number }[];
  /** Whether a route without a share has used no time. Otherwise some of `other` may be its time. */
  readonly areAll: boolean;
}

/** Further tasks are not listed; their metric has at most 200 names. */
const MOST_TASKS = 256;

export function cpuView(traffic: Traffic, pool: CpuPoolReading, shares: CpuShares['shares']) {
  const tasks = [...traffic.tasks()].sort((a, b) => b.durations.count.total - a.durations.count.total);
  return {
    threads: pool.liveThreads,
    maxThreads: pool.threads,
    busy: pool.running,
    queued: pool.queueLength,
    queueLimit: pool.queueLimit,
    utilization: pool.recentUtilization,
    refused: pool.refused,
    tasks: tasks.slice(0, MOST_TASKS).map(({ service, task, durations, failed }) => ({
      service,
      task,
      runs: durations.count.total,
      failed: failed.total,
      p50Ms: durations.totalQuantileMs(0.5),
      p99Ms: durations.totalQuantileMs(0.99),
    })),
    shares,
  };
}
