// Counts `events` events into the rows of its memory.
import { workerData } from 'node:worker_threads';
import { SeriesTable } from '#src/memory/metrics/series.js';

const { memory, events } = workerData as { memory: SharedArrayBuffer; events: number };
const counter = new SeriesTable(memory).counter('events_total');
for (let event = 0; event < events; event++) counter.add();
