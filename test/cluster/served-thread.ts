// A worker thread of a test whose first generation serves for a moment, and whose later ones end at once.
import { parentPort, workerData } from 'node:worker_threads';
import type { FromWorker, WorkerBoot } from '#src/cluster/messages.js';

const { slot, generation } = workerData as WorkerBoot;
const ready: FromWorker = { type: 'ready', descriptor: { slot, app: slot }, routes: [] };
if (generation === 1) parentPort!.postMessage(ready);
