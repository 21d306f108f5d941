import { type Cluster, type ClusterOptions, startCluster } from './cluster.js';

/** Longer than the start and the end of a cluster may take. */
const HOOK_TIMEOUT_MS = 60_000;

/**
 * Starts a cluster before the tests of a `describe` block and disposes of it after them.
 * @param options or a function that makes them when the tests begin, for what an earlier hook prepares
 * @returns a cluster whose properties are defined once it has started, so in hooks and tests alone
 */
export function useCluster(options: ClusterOptions | (() => ClusterOptions) = {}): Cluster {
  const cluster: Partial<Cluster> = {};
  before(async function () {
    this.timeout(HOOK_TIMEOUT_MS);
    Object.assign(cluster, await startCluster(typeof options === 'function' ? options() : options));
  });
  after(async function () {
    this.timeout(HOOK_TIMEOUT_MS);
    // Absent when the start has failed.
    await cluster.dispose?.();
  });
  return cluster as Cluster;
}
