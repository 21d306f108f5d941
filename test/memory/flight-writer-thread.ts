// Records requests one after the other, as fast as it can, until it is ended.
import { parentPort, workerData } from 'node:worker_threads';
import { Block } from '#src/memory/block.js';
import { FlightRecorder } from '#src/memory/flight-recorder.js';
import { shapeOf } from './flight-shape.js';

export interface WriterOrder {
  readonly memory: SharedArrayBuffer;
  readonly slot: number;
  /** Requests that never end, so that the others share few records. */
  readonly hanging: number;
}

const { memory, slot, hanging } = workerData as WriterOrder;
const recorder = new FlightRecorder(Block.attach(memory), slot);
const begin = (n: number): number => recorder.begin(shapeOf(n).route, n, shapeOf(n).id);
for (let n = 0; n < hanging; n++) begin(n);
parentPort?.postMessage('recording');
for (let n = hanging; ; n = (n + 1) & 0x3fffffff) {
  const flight = begin(n);
  const { status, microseconds } = shapeOf(n);
  recorder.end(flight, status, microseconds);
}
