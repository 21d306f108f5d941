// Rolling replacements under load, counted strictly: every request that was sent must be answered 200.
import { migratesQueues } from '#src/cluster/reuseport.js';
import { closeIdleConnections, get, json } from './client.js';
import type { Cluster } from './cluster.js';
import { delayingProxy } from './delaying-proxy.js';
import { keepAliveLoad, type LoadAccount } from './keep-alive-load.js';
import { until } from './until.js';

export interface WorkerView {
  readonly id: number;
  readonly generation: number;
  readonly state: string;
}

export const workersOf = async (cluster: Cluster): Promise<WorkerView[]> =>
  json(await get(`${cluster.adminUrl}/workers`));

/** What `/workers` shows when all serve in this generation. */
export const allServing = (generation: number, count = 2) =>
  Array.from({ length: count }, (_, index) => ({ id: index + 1, generation, state: 'ready' }));

const shown = (list: readonly WorkerView[]) =>
  list.map(({ id, generation, state }) => ({ id, generation, state }));

/** A busy machine may take long to start threads; what is asked for is that nothing is lost. */
const ROLL_MS = 60_000;

/** Asks for a reload that no idle connection of `fetch` holds up. */
export function reload(cluster: Cluster): Promise<Response> {
  closeIdleConnections();
  return fetch(`${cluster.adminUrl}/workers/reload`, { method: 'POST' });
}

export async function rollOnce(cluster: Cluster): Promise<void> {
  const before = await workersOf(cluster);
  const answer = await reload(cluster);
  if (answer.status !== 202) throw new Error(`reload was answered ${answer.status}`);
  await answer.arrayBuffer();
  const wanted = JSON.stringify(shown(before.map((one) => ({ ...one, generation: one.generation + 1 }))));
  const last = await until(
    () => workersOf(cluster),
    (list) => JSON.stringify(shown(list)) === wanted,
    ROLL_MS,
  );
  if (JSON.stringify(shown(last)) !== wanted) throw new Error(`after a reload: ${JSON.stringify(last)}`);
}

export interface RollingLoad {
  /** Requests over connections that are kept as long as the server keeps them. */
  readonly kept: LoadAccount;
  /** The same by clients that think for up to `THINK_MS` between two requests, over a network with delays. */
  readonly thinking: LoadAccount;
  /** One request over each connection. */
  readonly fresh: LoadAccount;
}

export const THINK_MS = 3_000;
/** So few that a second without any request is common. */
export const THINKERS = 4;
/** DRAIN_MS under which a client that thinks for so long loses no request. */
export const PATIENT_DRAIN_MS = 6_000;

/**
 * `times` reloads while clients keep connections alive and others open one for each request.
 * @param seed of what the thinking clients do, and of the delays
 */
export async function rollUnderLoad(
  cluster: Cluster,
  path: string,
  times: number,
  seed: number,
): Promise<RollingLoad> {
  const { ca } = cluster;
  const proxy = await delayingProxy(cluster.url, seed);
  const thinking = keepAliveLoad(proxy.url, [path], THINKERS, { ca, thinkMs: THINK_MS, seed });
  const kept = keepAliveLoad(cluster.url, [path], 4, { ca });
  const fresh = keepAliveLoad(cluster.url, [path], 4, { ca, perConnection: 1, persistent: true });
  // Workers that listen themselves drain all the time.
  fresh.drainBegins();
  thinking.drainBegins();
  for (const load of [kept, fresh]) await load.answered(20);
  await thinking.answered(THINKERS);
  for (let time = 0; time < times; time += 1) await rollOnce(cluster);
  await Promise.all([kept.stop(), thinking.stop(), fresh.stop()]);
  await proxy.close();
  return { kept: kept.account, thinking: thinking.account, fresh: fresh.account };
}

/**
 * Whether a connection that is completed while its worker leaves is always served: with the acceptor, and
 * where the kernel hands the queue of a listener that closes to the others.
 */
export const servesEveryConnection = (sharding: 'acceptor' | 'reuseport'): boolean =>
  sharding === 'acceptor' || migratesQueues();
