// A worker thread of a test whose start fails: one of the many modules that its configuration imports at the
// same time does not exist.
import { parentPort, workerData } from 'node:worker_threads';
import type { WorkerBoot } from '#src/cluster/messages.js';
import { WorkerSide } from '#src/cluster/worker-side.js';

const { settings, instanceId } = workerData as WorkerBoot;
const side = new WorkerSide(parentPort!, settings);
await import(instanceId).catch((error: unknown) => side.startFailed(error));
