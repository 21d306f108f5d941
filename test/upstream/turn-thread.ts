// A thread that picks by round-robin together with another one, and reports how often it picked which
// endpoint.
import { parentPort, workerData } from 'node:worker_threads';
import { Block } from '#src/memory/block.js';
import { EndpointCells } from '#src/memory/endpoint-cells.js';
import { roundRobinPicker } from '#src/upstream/strategies/round-robin.js';
import { tally } from './tally.js';

const { buffer, slot } = workerData as { readonly buffer: SharedArrayBuffer; readonly slot: number };
const load = new EndpointCells(Block.attach(buffer), slot, () => 0);
parentPort!.postMessage(tally(roundRobinPicker(load, Math.random), [1, 1, 1], 3_000));
