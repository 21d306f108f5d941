// Crashes workers under load and counts the failed requests. Only the request that causes a crash may fail.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Cluster } from '#test/support/cluster.js';
import { type WorkerView, workersOf } from '#test/support/rolling.js';
import { until } from '#test/support/until.js';
import { Account } from './account.js';
import { commit } from './faults.js';
import { startLoad } from './load.js';
import type { Kind } from './plan.js';
import type { Verdict } from './verdict.js';

const CRASHES: readonly Kind[] = ['uncaught exception', 'unhandled rejection', 'process.exit()'];

export interface CrashReport {
  readonly crashes: number;
  readonly requests: number;
  readonly failed: number;
  readonly failures: readonly string[];
  readonly longestGapMs: number;
  /**
   * The longest time for which this process, the client, did not run: it cannot judge the server for that
   * time.
   */
  readonly clientStoodMs: number;
}

/** Starts each crash when all workers are ready. @throws Error when they do not become ready again */
export async function crashStorm(cluster: Cluster, crashes: number, seed: number): Promise<CrashReport> {
  const lag = monitorEventLoopDelay({ resolution: 10 });
  lag.enable();
  const account = new Account();
  const load = await startLoad(cluster.url, account, seed);
  const generationsOf = (list: readonly WorkerView[]): number =>
    list.reduce((sum, { generation }) => sum + generation, 0);
  let generations = generationsOf(await workersOf(cluster));
  for (let crash = 0; crash < crashes; crash += 1) {
    await commit({ atMs: 0, kind: CRASHES[crash % CRASHES.length]!, size: 0 }, cluster, account);
    const isBack = (list: readonly WorkerView[]): boolean =>
      list.length === 2 && list.every(({ state }) => state === 'ready') && generationsOf(list) > generations;
    const list = await until(() => workersOf(cluster), isBack);
    if (!isBack(list)) throw new Error(`after crash ${crash + 1}: ${JSON.stringify(list)}`);
    generations = generationsOf(list);
  }
  await load.stop();
  account.end();
  lag.disable();
  const { requests, unexplained: failures, longestGapMs, verdicts } = account;
  const explained: readonly Verdict[] = ['refused (503)', 'was idle', 'not accepted'];
  const failed = explained.reduce((sum, verdict) => sum + (verdicts.get(verdict) ?? 0), failures.length);
  const clientStoodMs = lag.max / 1e6;
  return {
    crashes,
    requests,
    failed,
    failures,
    longestGapMs,
    clientStoodMs,
  };
}
