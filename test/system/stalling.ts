// A cluster whose handlers stall the event loop, and what is seen of its workers.
import type { Cluster } from '#test/support/cluster.js';
import { type WorkerView, workersOf } from '#test/support/rolling.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { STALLS } from './fixtures/paths.js';

export const STALL_MS = 500;
/** Large enough that a worker has served for longer than its backoff when its turn to stall comes again. */
export const WORKERS = 4;

export const stallingCluster = (): Cluster =>
  useCluster({
    config: STALLS,
    // With the limit, the hundred requests beside a stall would be rejected where other programs use the
    // core.
    env: {
      WORKERS: String(WORKERS),
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

export const allReadyOf = (cluster: Cluster): Promise<WorkerView[]> =>
  until(
    () => workersOf(cluster),
    (list) => settled(list, WORKERS),
  );

export const generations = (list: readonly WorkerView[]): number =>
  list.reduce((sum, one) => sum + one.generation, 0);

/** An interrupted worker stays in rotation for a moment, until it reports that it drains. */
export const replacedOf = (cluster: Cluster, before: readonly WorkerView[]): Promise<WorkerView[]> =>
  until(
    () => workersOf(cluster),
    (list) => settled(list, WORKERS) && generations(list) > generations(before),
  );
