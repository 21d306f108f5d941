// A chaos run: the real process under load, planned faults, and the account of all requests.
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { get, json } from '#test/support/client.js';
import { type Cluster, startCluster } from '#test/support/cluster.js';
import { until } from '#test/support/until.js';
import { CHAOS } from '#test/system/fixtures/paths.js';
import { Account } from './account.js';
import { commit } from './faults.js';
import { startLoad } from './load.js';
import { planOf, STALL_MS } from './plan.js';
import { Recoveries } from './recovery.js';

const SETTLE_MS = 30_000;

export interface ChaosOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly workers: number;
  /** Called from time to time with a line about the progress. */
  readonly progress?: (line: string) => void;
}

export interface ChaosReport {
  readonly seed: number;
  readonly seconds: number;
  readonly requests: number;
  readonly verdicts: ReadonlyMap<string, number>;
  readonly faults: ReadonlyMap<string, number>;
  /** Milliseconds from a fault until all workers were ready again. */
  readonly recoveries: readonly number[];
  /** Milliseconds for which a worker had no ready thread. */
  readonly outages: readonly number[];
  readonly longestGapMs: number;
  readonly samePid: boolean;
  /** The broken promises; empty when all were kept. */
  readonly broken: readonly string[];
  /** Path of the process's log, when a promise was broken. */
  readonly logFile: string | undefined;
}

export async function chaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seconds, seed, workers } = options;
  const cluster = await startCluster({
    config: CHAOS,
    env: { WORKERS: String(workers), STALL_MS: String(STALL_MS), WORKER_HEAP_MB: '64', DRAIN_MS: '5000' },
  });
  const account = new Account();
  try {
    const faults = new Map<string, number>();
    const recoveries = new Recoveries(cluster, workers);
    const broken: string[] = [];
    const load = await startLoad(cluster.url, account, seed);
    await bringAbout(options, { cluster, account, faults, recoveries });
    const isBack = await until(
      () => recoveries.isQuiet,
      (quiet) => quiet,
      SETTLE_MS,
    );
    if (!isBack) broken.push('not all workers came back');
    await load.stop();
    account.end();
    await recoveries.stop();

    const samePid = (await json<{ pid: number }>(await get(`${cluster.url}/now`))).pid === cluster.pid;
    if (!samePid) broken.push('the process is another one');
    const exit = await cluster.stop();
    if (exit.code !== 0) broken.push(`ended with ${exit.code ?? exit.signal} after SIGTERM`);
    broken.push(...account.unexplained);
    return {
      seed,
      seconds,
      requests: account.requests,
      verdicts: account.verdicts,
      faults,
      recoveries: recoveries.took,
      outages: recoveries.outages,
      longestGapMs: account.longestGapMs,
      samePid,
      broken,
      logFile: broken.length === 0 ? undefined : keepLog(cluster, seed),
    };
  } catch (cause) {
    // The usual cause is that the process has ended: its log and its last output show why.
    const words = [...cluster.stderr.slice(-5), ...account.unexplained.slice(-5)].join('\n');
    throw new Error(`chaos run aborted, log in ${keepLog(cluster, seed)}\n${words}`, { cause });
  } finally {
    await cluster.dispose();
  }
}

interface Run {
  readonly cluster: Cluster;
  readonly account: Account;
  readonly faults: Map<string, number>;
  readonly recoveries: Recoveries;
}

/** @throws Error when the process ends, or when a command to it is refused */
async function bringAbout(options: ChaosOptions, run: Run): Promise<void> {
  const { seconds, seed, progress } = options;
  const { cluster, account, faults, recoveries } = run;
  const began = performance.now();
  const under: Promise<void>[] = [];
  let ended: string | undefined;
  void cluster.exited.then(({ code, signal }) => {
    ended = `the process ended with ${code ?? signal}`;
  });
  let told = 0;
  for (const fault of planOf(seed, seconds * 1_000)) {
    await sleep(Math.max(0, began + fault.atMs - performance.now()));
    if (ended !== undefined) throw new Error(ended);
    if (fault.kind !== 'cut connections') recoveries.fault();
    faults.set(fault.kind, (faults.get(fault.kind) ?? 0) + 1);
    const done = commit(fault, cluster, account);
    done.catch(() => undefined); // it is awaited below
    under.push(done);
    if (fault.atMs - told >= 5_000) {
      told = fault.atMs;
      const { requests, unexplained } = account;
      const of = [...faults.values()].reduce((sum, count) => sum + count, 0);
      progress?.(
        `${Math.round(told / 1_000)} s: ${of} faults, ${requests} requests, ${unexplained.length} unexplained`,
      );
    }
  }
  await sleep(Math.max(0, began + seconds * 1_000 - performance.now()));
  await Promise.all(under);
}

function keepLog(cluster: Cluster, seed: number): string {
  const path = join(tmpdir(), `multilane-chaos-${seed}.log`);
  writeFileSync(path, [...cluster.stderr, ...cluster.stdout, ''].join('\n'));
  return path;
}
