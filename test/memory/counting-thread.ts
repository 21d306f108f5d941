// Counts `events` events into its slot's rows.
import { workerData } from 'node:worker_threads';
import { Block } from '#src/memory/block.js';
import { SeriesTable } from '#src/memory/series.js';

const { memory, slot, events } = workerData as { memory: SharedArrayBuffer; slot: number; events: number };
const counter = new SeriesTable(Block.attach(memory), slot).counter('events_total');
for (let event = 0; event < events; event++) counter.add();
