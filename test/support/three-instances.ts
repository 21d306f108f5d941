// A cluster of four workers that calls the service `things`, and its instances a, b and c.
import { CALLING } from '../system/fixtures/paths.js';
import { type Cluster, startCluster } from './cluster.js';
import { wiresToEachWorker } from './each-worker.js';
import { TestInstance } from './instance.js';
import type { Wire } from './wire.js';

const WORKERS = 4;

export interface ThreeInstances {
  readonly cluster: Cluster;
  /** One connection to each worker. */
  readonly wires: readonly Wire[];
  /** The instances. `dispose` also stops those that a test adds. */
  readonly instances: TestInstance[];
  dispose(): Promise<void>;
}

export async function startThreeInstances(ejectionMs: number): Promise<ThreeInstances> {
  const env = { WORKERS: String(WORKERS), EJECTION_MS: String(ejectionMs), STALL_MS: '60000' };
  const cluster = await startCluster({ config: CALLING, env });
  const wires = await wiresToEachWorker(cluster, WORKERS, '/worker');
  const instances: TestInstance[] = [];
  for (const id of ['a', 'b', 'c']) {
    instances.push(await TestInstance.start(cluster.adminUrl, 'things', id));
  }
  return {
    cluster,
    wires,
    instances,
    async dispose() {
      for (const wire of wires) wire.destroy();
      await cluster.dispose();
      for (const instance of instances) instance.stop();
    },
  };
}
