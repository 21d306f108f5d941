// A group of workers whose connections go nowhere.
import { type HttpGroupOptions, httpGroup, type WorkerGroup } from '#src/cluster/worker-group.js';

export const oneGroup = (
  entry: URL,
  workers: number,
  sharding: Partial<HttpGroupOptions['sharding']> = {},
): WorkerGroup =>
  httpGroup({
    entry,
    workers,
    httpCore: 'uws',
    sharding: { add() {}, pause() {}, remove() {}, workerPort: undefined, ...sharding },
  });
