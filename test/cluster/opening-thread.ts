// A worker thread whose start fails: one of many modules that its configuration imports at the same time is
// not there.
import { parentPort, workerData } from 'node:worker_threads';
import type { WorkerBoot } from '#src/cluster/messages.js';
import { WorkerSide } from '#src/cluster/worker-side.js';

const { settings, instanceId } = workerData as WorkerBoot;
const side = new WorkerSide(parentPort!, settings);
await import(instanceId).catch((error: unknown) => side.startFailed(error));
