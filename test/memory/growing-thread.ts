// Makes one series after the other and counts in it once, until it is ended.
import { parentPort, workerData } from 'node:worker_threads';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { nameOf, weightOf } from './instance-weight.js';

const { memory, first } = workerData as { memory: SharedArrayBuffer; first: number };
const series = new SeriesTable(memory).pool('routes');
const pause = new Int32Array(new SharedArrayBuffer(4));
parentPort?.postMessage('counting');
for (let n = first; ; n++) {
  const labels = { name: nameOf(n) };
  if (n % 2 === 0) series.histogram('took', labels).record(weightOf(labels.name));
  else series.counter('made_total', labels).add(weightOf(labels.name));
  // The loop is slow, so that the memory lasts for the test.
  Atomics.wait(pause, 0, 0, 0.2);
}
