// A connection to each worker of a cluster: the acceptor hands them out in turn, so a few more than there are
// workers do.
import type { Cluster } from './cluster.js';
import { Wire } from './wire.js';

const MOST = 64;

/** @param path of a route that answers `{worker}`. @throws Error when not all workers are met */
export async function wiresToEachWorker(cluster: Cluster, workers: number, path: string): Promise<Wire[]> {
  const found = new Map<number, Wire>();
  for (let tries = 0; found.size < workers; tries++) {
    if (tries === MOST) throw new Error(`only ${found.size} of ${workers} workers answer`);
    const wire = await Wire.open(cluster.url);
    const { worker } = await ask<{ worker: number }>(wire, path);
    if (found.has(worker)) wire.destroy();
    else found.set(worker, wire);
  }
  return [...found.values()];
}

/** @throws Error for any answer but 200 */
export async function ask<T>(wire: Wire, path: string): Promise<T> {
  const answer = await wire.request('GET', path);
  const text = answer?.body.toString() ?? '';
  if (answer?.status !== 200) throw new Error(`GET ${path}: ${answer?.status} ${text}`);
  return JSON.parse(text) as T;
}
