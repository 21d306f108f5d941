// Rolling replacements under load, counted strictly: every request that was sent must be answered 200.
import { get, json } from './client.js';
import type { Cluster } from './cluster.js';
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

export async function rollOnce(cluster: Cluster): Promise<void> {
  const before = await workersOf(cluster);
  const answer = await fetch(`${cluster.adminUrl}/workers/reload`, { method: 'POST' });
  if (answer.status !== 202) throw new Error(`reload was answered ${answer.status}`);
  await answer.arrayBuffer();
  const wanted = JSON.stringify(shown(before.map((one) => ({ ...one, generation: one.generation + 1 }))));
  const last = await until(
    () => workersOf(cluster),
    (list) => JSON.stringify(shown(list)) === wanted,
  );
  if (JSON.stringify(shown(last)) !== wanted) throw new Error(`after a reload: ${JSON.stringify(last)}`);
}

/** `times` reloads while clients keep connections alive and others open one for each request. */
export async function rollUnderLoad(
  cluster: Cluster,
  path: string,
  times: number,
): Promise<readonly LoadAccount[]> {
  const loads = [
    keepAliveLoad(cluster.url, [path], 4),
    keepAliveLoad(cluster.url, [path], 4, { perConnection: 1 }),
  ];
  for (const load of loads) await load.answered(20);
  for (let time = 0; time < times; time += 1) await rollOnce(cluster);
  await Promise.all(loads.map((load) => load.stop()));
  return loads.map(({ account }) => account);
}
