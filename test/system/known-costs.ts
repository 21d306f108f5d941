// Load on the routes of fixtures/known-costs.config.ts, and what the process reports of their CPU time.
import { expect } from 'chai';
import { get, post } from '#test/support/client.js';
import type { Cluster } from '#test/support/cluster.js';
import { until } from '#test/support/until.js';

/** Longer than the samples of any test take. */
const WITHIN_MS = 120_000;

export interface Line {
  /** Path with its number of units, such as `/sync/3`. */
  readonly path: string;
  readonly method?: 'POST';
  /** Requests of this line at the same time. */
  readonly clients: number;
}

const metricsOf = async (cluster: Cluster): Promise<string> =>
  (await get(`${cluster.adminUrl}/metrics`)).text();

export async function samplesOf(cluster: Cluster): Promise<number> {
  return Number(/^multilane_route_cpu_samples_total (\d+)$/m.exec(await metricsOf(cluster))![1]);
}

/** The shares by route. */
export async function sharesOf(cluster: Cluster): Promise<ReadonlyMap<string, number>> {
  const lines = (await metricsOf(cluster)).matchAll(/^multilane_route_cpu_ratio\{route="([^"]*)"\} (\S+)$/gm);
  return new Map([...lines].map(([, route = '', ratio]) => [route, Number(ratio)]));
}

const unitsOf = (path: string): number => Number(/\d+$/.exec(path)?.[0] ?? 0);
const routeOf = (path: string): string => path.replace(/\d+$/, '{units}');

/**
 * Sends requests until the process has taken so many samples meanwhile.
 * @returns the share of each route in the units of work that were done
 */
export async function loadFor(
  cluster: Cluster,
  samples: number,
  lines: readonly Line[],
): Promise<ReadonlyMap<string, number>> {
  const enough = (await samplesOf(cluster)) + samples;
  let isOver = false;
  const units = new Map<string, number>();
  const client = async ({ path, method }: Line): Promise<void> => {
    while (!isOver) {
      const response = await (method === undefined
        ? get(cluster.url + path)
        : post(cluster.url + path, { padding: 'x' }));
      expect(response.status).to.equal(200);
      await response.arrayBuffer();
      units.set(routeOf(path), (units.get(routeOf(path)) ?? 0) + unitsOf(path));
    }
  };
  const clients = lines.flatMap((line) => Array.from({ length: line.clients }, () => client(line)));
  const watch = async (): Promise<void> => {
    try {
      await until(
        () => samplesOf(cluster),
        (taken) => taken >= enough,
        WITHIN_MS,
      );
    } finally {
      isOver = true;
    }
  };
  await Promise.all([watch(), ...clients]);
  const total = [...units.values()].reduce((sum, one) => sum + one, 0);
  return new Map([...units].map(([route, one]) => [route, one / total]));
}
