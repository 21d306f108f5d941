// Runs all attacks at once beside an ordinary client, and reads what is held when they are over.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import type { Cluster } from '#test/support/cluster.js';
import { quantile } from '#test/support/quantile.js';
import { until } from '#test/support/until.js';
import type { AttackOrder } from './attacker-thread.js';
import type { BystanderOrder, Experience } from './bystander-thread.js';

export interface SiegeOptions {
  readonly seconds: number;
  readonly unloadedSeconds: number;
  readonly carelessCalls: number;
  /** Names of the attacks. Default: all. */
  readonly names?: readonly string[];
}

export interface SiegeReport {
  readonly unloadedP99Ms: number;
  readonly p99Ms: number;
  readonly errorShare: number;
  readonly experience: Experience;
}

const PER_SECOND = 300;
/** Time for the attacks to open their connections before the measurement. */
const FORMING_SECONDS = 3;

async function bystander(cluster: Cluster, seconds: number): Promise<Experience> {
  const { hostname: host, port } = new URL(cluster.url);
  const workerData: BystanderOrder = { host, port: Number(port), perSecond: PER_SECOND, seconds };
  const thread = new Worker(new URL('./bystander-thread.js', import.meta.url), { workerData });
  const [experience] = (await once(thread, 'message')) as [Experience];
  return experience;
}

const p99 = ({ latencies }: Experience): number => quantile(latencies, 0.99);

export async function siege(cluster: Cluster, options: SiegeOptions): Promise<SiegeReport> {
  const { seconds, unloadedSeconds, carelessCalls, names } = options;
  await bystander(cluster, 1); // opens connections and compiles code
  const unloaded = await bystander(cluster, unloadedSeconds);
  expect(unloaded.failures, 'without an attack').to.deep.equal({});
  const { hostname: host, port } = new URL(cluster.url);
  const workerData: AttackOrder = {
    target: { host, port: Number(port) },
    carelessPerSecond: carelessCalls / seconds,
    names,
  };
  const attackers = new Worker(new URL('./attacker-thread.js', import.meta.url), { workerData });
  const over = once(attackers, 'exit');
  await bystander(cluster, FORMING_SECONDS);
  const experience = await bystander(cluster, seconds);
  attackers.postMessage('stop');
  await over;
  const failed = Object.values(experience.failures).reduce((sum, count) => sum + count, 0);
  return {
    unloadedP99Ms: p99(unloaded),
    p99Ms: p99(experience),
    errorShare: failed / experience.sent,
    experience,
  };
}

const GAUGES =
  /^(multilane_permits_held|multilane_pending_bodies|multilane_buffered_body_bytes|multilane_open_streams|http_server_active_requests)(\{.*\})? (\S+)$/;

/** Gauges of resources that requests hold, without those at zero. */
export async function heldBy(cluster: Cluster): Promise<readonly string[]> {
  const lines = async (): Promise<string[]> => {
    const text = await (await fetch(`${cluster.adminUrl}/metrics`)).text();
    const gauges = text.split('\n').filter((line) => GAUGES.test(line));
    expect(gauges.length, 'gauges').to.be.at.least(6);
    return gauges.filter((line) => !line.endsWith(' 0'));
  };
  return until(lines, (held) => held.length === 0, 20_000);
}
