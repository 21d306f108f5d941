// A worker thread of a test whose project calls `process.exit` before it is ready.
import { parentPort, workerData } from 'node:worker_threads';
import type { WorkerBoot } from '#src/cluster/messages.js';
import { WorkerSide } from '#src/cluster/worker-side.js';

const { settings } = workerData as WorkerBoot;
new WorkerSide(parentPort!, settings);
try {
  process.exit(3);
} catch {
  // The call has thrown, and this thread leaves.
}
