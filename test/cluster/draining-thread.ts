// A worker thread that serves at once. It drains for as long as it is given.
import { BroadcastChannel, parentPort, workerData } from 'node:worker_threads';
import type { FromWorker, ToWorker, WorkerBoot } from '#src/cluster/messages.js';

/** Passed as `instanceId`: what is wrong with the first thread of a worker. */
export type Fault = 'never ready' | 'deaf';
/** Channel that ends a deaf thread. */
const ENDING = 'multilane/test/draining-thread/end';

const { slot, generation, instanceId } = workerData as WorkerBoot;
const has = (fault: Fault): boolean => generation === 1 && instanceId === fault;
const send = (message: FromWorker): void => parentPort!.postMessage(message);
// Keeps it alive until its test has ended.
if (has('deaf')) new BroadcastChannel(ENDING).onmessage = () => process.exit();
else {
  parentPort!.on('message', (message: ToWorker) => {
    if (message.type === 'detached') process.exit();
    if (message.type !== 'drain') return;
    setTimeout(() => send({ type: 'leaving', reason: 'drained', detail: undefined }), message.withinMs);
  });
}
if (!has('never ready')) send({ type: 'ready', descriptor: { slot, app: slot }, routes: [] });
