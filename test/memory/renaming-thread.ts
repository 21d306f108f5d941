// Counts for one instance after the other, each removed when the next one comes, as fast as it can, until it
// is ended.
import { parentPort, workerData } from 'node:worker_threads';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { nameOf, weightOf } from './instance-weight.js';

export interface RenamingOrder {
  readonly memory: SharedArrayBuffer;
  readonly metric: string;
}

const { memory, metric } = workerData as RenamingOrder;
const series = new SeriesTable(memory);
const pause = new Int32Array(new SharedArrayBuffer(4));
parentPort?.postMessage('counting');
for (let n = 0; ; n++) {
  const value = nameOf(n);
  series.transient(metric, {}, { label: 'endpoint', value, isGone: () => true }).add(weightOf(value));
  // Every second instance stays long enough to be read.
  if (n % 2 === 0) Atomics.wait(pause, 0, 0, 0.02);
}
