// Plays hours of a cluster: one fault after the other, sometimes two at once, by chance.
import { Cluster, TTL_MS } from './cluster.js';
import { FAULTS, type Fault, OVERLAPPING_MS } from './faults.js';
import type { Kind } from './member.js';

export interface ClusterResult {
  readonly hours: number;
  readonly faults: number;
  /** The longest time from the end of a fault until all processes knew all instances, by fault. */
  readonly worstMs: Readonly<Record<string, number>>;
  /** Requests to the server. */
  readonly requests: number;
  readonly digest: string;
}

export interface ClusterRun {
  readonly seed: number;
  readonly kind: Kind;
  /** @default 1 */
  readonly hours?: number;
  /** As in `ClusterOptions`. @default true */
  readonly removes?: boolean;
}

const HOUR_MS = 3_600_000;
const BEGINS_MS = 5_000;
/** How often the views are compared after a fault. */
const LOOK_MS = 50;
/** The mean time between the faults. */
const CALM_MS = 120_000;
const OVERLAPPING_SHARE = 0.3;
/** All that is gone is known to be gone by then: the time after an outage, and that of an instance, twice. */
const SETTLED_MS = 4 * TTL_MS;

/** @throws Finding for a rule that was broken */
export async function playCluster({
  seed,
  kind,
  hours = 1,
  removes = true,
}: ClusterRun): Promise<ClusterResult> {
  const cluster = new Cluster({
    seed,
    kind,
    processes: 3 + (seed % 4),
    instances: 1 + (seed % 2),
    clients: 2,
    removes,
  });
  const { time, trace, network } = cluster;
  let [requests, faults] = [0, 0];
  network.onRequest = () => {
    requests += 1;
  };
  await time.runUntil(BEGINS_MS);
  const worstMs: Record<string, number> = {};
  while (time.now < hours * HOUR_MS && trace.finding === undefined) {
    const first = cluster.oneOf(FAULTS);
    const second = cluster.random.next() < OVERLAPPING_SHARE ? cluster.oneOf(FAULTS) : undefined;
    faults += second === undefined ? 1 : 2;
    const tookMs = await befall(cluster, first, second);
    const name = second === undefined ? first.name : 'two at once';
    worstMs[name] = Math.max(worstMs[name] ?? 0, tookMs);
    await time.runUntil(time.now + SETTLED_MS);
    const surplus = cluster.surplus();
    trace.expect(surplus === undefined, 'dead instances leave', () => surplus!);
    await time.runUntil(time.now + cluster.random.exponential(CALM_MS));
  }
  if (trace.finding !== undefined) throw trace.finding;
  return { hours: time.now / HOUR_MS, faults, worstMs, requests, digest: trace.digest() };
}

/** @returns milliseconds from the end of the faults until all processes know all instances */
async function befall(cluster: Cluster, first: Fault, second: Fault | undefined): Promise<number> {
  const { time, trace, random } = cluster;
  const lasts = ({ lasts: [least, most] }: Fault): number => least + random.next() * (most - least);
  trace.add(first.name);
  const end = first.begin(cluster);
  let boundMs = first.boundMs;
  if (second !== undefined) {
    await time.runUntil(time.now + lasts(first) / 2);
    trace.add(second.name);
    const endSecond = second.begin(cluster);
    await time.runUntil(time.now + lasts(second));
    endSecond();
    boundMs = OVERLAPPING_MS;
  }
  await time.runUntil(time.now + lasts(first));
  end();
  const healedAt = time.now;
  for (;;) {
    await time.runUntil(time.now + LOOK_MS);
    const missing = cluster.missing();
    const tookMs = time.now - healedAt;
    if (missing === undefined) return tookMs;
    if (tookMs <= boundMs) continue;
    trace.broke('all know all', `${missing} ${tookMs} ms after the end of "${first.name}" (${second?.name})`);
    return tookMs;
  }
}
