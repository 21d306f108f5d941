// Rolling replacements under load: every request that was sent must get a 200.
import { migratesQueues } from '#src/cluster/reuseport.js';
import { closeIdleConnections, get, json } from './client.js';
import type { Cluster } from './cluster.js';
import { delayingProxy } from './delaying-proxy.js';
import { keepAliveLoad, type LoadAccount } from './keep-alive-load.js';
import { PACE_MS } from './pace.js';
import { until } from './until.js';

export interface WorkerView {
  readonly id: number;
  readonly generation: number;
  readonly state: string;
}

export const workersOf = async (cluster: Cluster): Promise<WorkerView[]> =>
  json(await get(`${cluster.adminUrl}/workers`));

/** The workers that `/workers` lists when all serve in this generation. */
export const allServing = (generation: number, count = 2) =>
  Array.from({ length: count }, (_, index) => ({ id: index + 1, generation, state: 'ready' }));

const shown = (list: readonly WorkerView[]) =>
  list.map(({ id, generation, state }) => ({ id, generation, state }));

/** Long, since a busy machine may be slow to start threads; the tests require no loss, not speed. */
const ROLL_MS = 60_000;
/** Log lines of the process that are shown when a replacement does not end. */
const LINES_SHOWN = 40;

/** Requests a reload. Idle connections of `fetch` are closed, so that they do not delay it. */
export function reload(cluster: Cluster): Promise<Response> {
  closeIdleConnections();
  return fetch(`${cluster.adminUrl}/workers/reload`, { method: 'POST' });
}

export async function rollOnce(cluster: Cluster): Promise<void> {
  const before = await workersOf(cluster);
  const response = await reload(cluster);
  if (response.status !== 202) throw new Error(`the response to a reload was ${response.status}`);
  await response.arrayBuffer();
  const wanted = JSON.stringify(shown(before.map((one) => ({ ...one, generation: one.generation + 1 }))));
  try {
    await until(
      () => workersOf(cluster),
      (list) => JSON.stringify(shown(list)) === wanted,
      ROLL_MS,
    );
  } catch (failure) {
    const lines = cluster
      .logs()
      .slice(-LINES_SHOWN)
      .map((line) => JSON.stringify(line));
    throw new Error(`${(failure as Error).message}\n${lines.join('\n')}`, { cause: failure });
  }
}

export interface RollingLoad {
  /** Requests over connections that stay open until the server closes them. */
  readonly kept: LoadAccount;
  /** The same by clients that pause for up to `THINK_MS` between two requests, over a network with delays. */
  readonly thinking: LoadAccount;
  /** One request over each connection. */
  readonly fresh: LoadAccount;
}

export const THINK_MS = 3_000;
/** Few enough that a second without any request is common. */
export const THINKERS = 4;
/** DRAIN_MS with which a client that pauses for `THINK_MS` loses no request. */
export const PATIENT_DRAIN_MS = 6_000;

/**
 * Reloads `times` times while clients keep connections alive and others open one for each request.
 * @param seed of the pauses of the clients and of the delays
 * @param paceMs the pause of the clients that do not think
 * @param roll replaces all workers once; it gets how often they have been replaced before
 */
export async function rollUnderLoad(
  cluster: Cluster,
  path: string,
  times: number,
  seed: number,
  paceMs = PACE_MS,
  roll: (time: number) => Promise<void> = () => rollOnce(cluster),
): Promise<RollingLoad> {
  const { ca } = cluster;
  const proxy = await delayingProxy(cluster.url, seed);
  const thinking = keepAliveLoad(proxy.url, [path], THINKERS, { ca, thinkMs: THINK_MS, seed });
  const kept = keepAliveLoad(cluster.url, [path], 4, { ca, paceMs });
  const fresh = keepAliveLoad(cluster.url, [path], 4, { ca, paceMs, perConnection: 1, persistent: true });
  // With SHARDING=reuseport some listener closes in every replacement, so the whole load counts as in a
  // drain.
  fresh.drainBegins();
  thinking.drainBegins();
  for (const load of [kept, fresh]) await load.answered(20);
  await thinking.answered(THINKERS);
  for (let time = 0; time < times; time += 1) await roll(time);
  await Promise.all([kept.stop(), thinking.stop(), fresh.stop()]);
  await proxy.close();
  return { kept: kept.account, thinking: thinking.account, fresh: fresh.account };
}

/**
 * Whether a connection that the kernel completes while its worker ends is always served: with the acceptor,
 * and where the kernel moves the queue of a listener that closes to the other listeners.
 */
export const servesEveryConnection = (sharding: 'acceptor' | 'reuseport'): boolean =>
  sharding === 'acceptor' || migratesQueues();
