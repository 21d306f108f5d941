// Entry of an HTTP worker thread: the catchers first, then everything else; wiring is in http/serve.ts. All
// of it is imported where a failure can be handled.
import { parentPort, workerData } from 'node:worker_threads';
import { fileOperationsEnded } from '#src/cluster/file-operations.js';
import type { WorkerBoot } from '#src/cluster/messages.js';

try {
  const { startWorker } = await import('#src/worker/start-worker.js');
  await startWorker(workerData as WorkerBoot, parentPort!);
} catch (error) {
  await fileOperationsEnded();
  throw error;
}
