// Writes exemplars whose ids are made from their duration, as fast as it can, until it is ended.
import { parentPort, workerData } from 'node:worker_threads';
import { SeriesTable } from '#src/memory/metrics/series.js';

export interface ExemplarOrder {
  readonly memory: SharedArrayBuffer;
  readonly metric: string;
}

/** The ids that belong to a duration. */
export function traceOf(microseconds: number) {
  const word = microseconds.toString(16).padStart(8, '0');
  return { traceId: word.repeat(4), spanId: word.repeat(2) };
}

/** undefined in the thread that only needs `traceOf`. */
const order = workerData as Partial<ExemplarOrder> | null;
if (order?.memory !== undefined) {
  const { memory, metric = '' } = order;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  const histogram = new SeriesTable(memory).histogram(metric);
  parentPort?.postMessage('writing');
  // All durations belong to the first bucket.
  for (let n = 0; ; n++) {
    const us = 1 + (n % 4_999);
    histogram.record(us, traceOf(us));
    // Some exemplars stay long enough to be read.
    if (n % 64 === 0) Atomics.wait(pause, 0, 0, 0.02);
  }
}
