// A worker thread that serves at once. It drains for as long as it is given.
import { parentPort, workerData } from 'node:worker_threads';
import type { FromWorker, ToWorker, WorkerBoot } from '#src/cluster/messages.js';

const { slot } = workerData as WorkerBoot;
const send = (message: FromWorker): void => parentPort!.postMessage(message);
parentPort!.on('message', (message: ToWorker) => {
  if (message.type === 'detached') process.exit();
  if (message.type !== 'drain') return;
  setTimeout(() => send({ type: 'leaving', reason: 'drained', detail: undefined }), message.withinMs);
});
send({ type: 'ready', descriptor: { slot, app: slot }, offer: [] });
