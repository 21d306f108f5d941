// A cluster whose handlers stall the event loop, and what is seen of its workers.
import { sharesPort } from '#src/cluster/shares-port.js';
import type { Cluster } from '#test/support/cluster.js';
import { CORE } from '#test/support/core.js';
import { type WorkerView, workersOf } from '#test/support/rolling.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { STALLS } from './fixtures/paths.js';

export const STALL_MS = 500;
/** Large enough that a worker has served for longer than its backoff when its turn to stall comes again. */
const MANY = 4;
/** Workers on each core: those of `node:http` share a port only where Node.js lets them. */
const WORKERS_ON: Readonly<Record<typeof CORE, number>> = {
  uws: MANY,
  node: (await sharesPort()) ? MANY : 1,
};
export const WORKERS = WORKERS_ON[CORE];

export const stallingCluster = (core = CORE): Cluster =>
  useCluster({
    config: STALLS,
    // With the limit, the hundred requests beside a stall would be rejected where other programs use the
    // core.
    env: {
      HTTP_CORE: core,
      WORKERS: String(WORKERS_ON[core]),
      STALL_MS: String(STALL_MS),
      DRAIN_MS: '500',
      ADAPTIVE_LIMIT: 'off',
    },
  });

interface Recorded {
  readonly method: string;
  readonly route: string | null;
  readonly status: number | null;
}

export const shown = (list: readonly WorkerView[]) =>
  list.map(({ id, generation, state }) => ({ id, generation, state }));
export const settled = (list: readonly WorkerView[], workers: number): boolean =>
  list.length === workers && list.every(({ state }) => state === 'ready');

/** The requests that the log lists for workers in trouble, by method, route and status. */
export const requestsDumped = (cluster: Cluster, reason: string) =>
  cluster
    .logs()
    .filter(
      (line) =>
        /^recent requests of worker \d+ \(flight record\)$/.test(String(line.msg)) && line.reason === reason,
    )
    .map(({ worker, generation, requests }) => ({
      worker,
      generation,
      requests: (requests as Recorded[]).map(({ method, route, status }) => ({ method, route, status })),
    }));

export const allReadyOf = (cluster: Cluster, core = CORE): Promise<WorkerView[]> =>
  until(
    () => workersOf(cluster),
    (list) => settled(list, WORKERS_ON[core]),
  );

export const generations = (list: readonly WorkerView[]): number =>
  list.reduce((sum, one) => sum + one.generation, 0);

/** An interrupted worker stays in rotation for a moment, until it reports that it drains. */
export const replacedOf = (
  cluster: Cluster,
  before: readonly WorkerView[],
  core = CORE,
): Promise<WorkerView[]> =>
  until(
    () => workersOf(cluster),
    (list) => settled(list, WORKERS_ON[core]) && generations(list) > generations(before),
  );
