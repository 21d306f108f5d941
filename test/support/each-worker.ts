// Connections to each worker of a cluster. The acceptor assigns connections in turn, so a few more than there
// are workers suffice; with SHARDING=reuseport the kernel chooses.
import type { Cluster } from './cluster.js';
import { Wire, type WireResponse } from './wire.js';

/** How many connections are opened for each that is returned, at most. */
const MOST_EACH = 16;

/**
 * The same number of connections to each worker: of a worker with more than its share, responses would end
 * some.
 * @param path of a route that responds with `{worker}`
 * @param each connections to each worker @default 1
 * @returns one to each worker, then a second one to each, and so on
 * @throws Error when no connection reaches some worker
 */
export async function wiresToEachWorker(
  cluster: Cluster,
  workers: number,
  path: string,
  each = 1,
): Promise<Wire[]> {
  const found = new Map<number, Wire[]>();
  const open = workers * each;
  for (let tries = 0, kept = 0; kept < open; tries++) {
    if (tries === MOST_EACH * open)
      throw new Error(`only ${kept} of ${open} connections to ${workers} workers`);
    const wire = await Wire.open(cluster.url);
    const { response, body } = await exchange<{ worker: number }>(wire, path);
    const same = found.get(body.worker) ?? [];
    if (response.closes || same.length === each) {
      wire.destroy();
      continue;
    }
    found.set(body.worker, [...same, wire]);
    kept++;
  }
  return Array.from({ length: each }, (_, nth) => [...found.values()].map((same) => same[nth]!)).flat();
}

/** The JSON body of a GET request. @throws Error for any status but 200 */
export async function ask<T>(wire: Wire, path: string): Promise<T> {
  return (await exchange<T>(wire, path)).body;
}

async function exchange<T>(wire: Wire, path: string): Promise<{ response: WireResponse; body: T }> {
  const response = await wire.request('GET', path);
  const text = response?.body.toString() ?? '';
  if (response?.status !== 200) throw new Error(`GET ${path}: ${response?.status} ${text}`);
  return { response, body: JSON.parse(text) as T };
}
