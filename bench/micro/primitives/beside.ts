// The second thread, which uses the same cell until it is terminated.
import { parentPort, workerData } from 'node:worker_threads';
import { Block } from '#src/memory/block.js';
import { primitives } from './shared.js';

const { memory, name } = workerData as { readonly memory: SharedArrayBuffer; readonly name: string };
const run = primitives(Block.attach(memory), 2)[name]!;
parentPort!.postMessage('beside');
for (let turn = 0; ; turn += 1) run(turn);
