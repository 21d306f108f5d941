// Connections to each worker of a cluster. The acceptor assigns connections in turn, so a few more than there
// are workers suffice.
import type { Cluster } from './cluster.js';
import { Wire } from './wire.js';

const MOST = 64;

/**
 * @param path of a route that responds with `{worker}` @throws Error when no connection reaches some worker
 */
export async function wiresToEachWorker(cluster: Cluster, workers: number, path: string): Promise<Wire[]> {
  const found = new Map<number, Wire>();
  for (let tries = 0; found.size < workers; tries++) {
    if (tries === MOST) throw new Error(`only ${found.size} of ${workers} workers respond`);
    const wire = await Wire.open(cluster.url);
    const { worker } = await ask<{ worker: number }>(wire, path);
    if (found.has(worker)) wire.destroy();
    else found.set(worker, wire);
  }
  return [...found.values()];
}

/** The JSON body of a GET request. @throws Error for any status but 200 */
export async function ask<T>(wire: Wire, path: string): Promise<T> {
  const response = await wire.request('GET', path);
  const text = response?.body.toString() ?? '';
  if (response?.status !== 200) throw new Error(`GET ${path}: ${response?.status} ${text}`);
  return JSON.parse(text) as T;
}
