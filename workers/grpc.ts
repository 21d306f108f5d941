// The entry of a gRPC worker thread. Everything else is in src/worker/start-worker.ts, which is imported
// where a failure to load it can be handled.
import { parentPort, workerData } from 'node:worker_threads';
import { fileOperationsEnded } from '#src/cluster/file-operations.js';
import type { WorkerBoot } from '#src/cluster/messages.js';

try {
  const { startWorker } = await import('#bundle/worker/start-worker.js');
  await startWorker(workerData as WorkerBoot, parentPort!, 'grpc');
} catch (error) {
  await fileOperationsEnded();
  throw error;
}
