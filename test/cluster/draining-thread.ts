// A worker thread of a test that is ready at once and drains for as long as it may.
import { BroadcastChannel, parentPort, workerData } from 'node:worker_threads';
import type { FromWorker, ToWorker, WorkerBoot } from '#src/cluster/messages.js';

/** The fault of a worker's first thread, passed as `instanceId`. */
export type Fault = 'never ready' | 'deaf';
/** The channel that ends a deaf thread. */
const ENDING = 'multilane/test/draining-thread/end';

const { slot, generation, instanceId } = workerData as WorkerBoot;
const has = (fault: Fault): boolean => generation === 1 && instanceId === fault;
const send = (message: FromWorker): void => parentPort!.postMessage(message);
// The channel keeps the thread alive until its test has ended.
if (has('deaf')) new BroadcastChannel(ENDING).onmessage = () => process.exit();
else {
  parentPort!.on('message', (message: ToWorker) => {
    if (message.type === 'detached') process.exit();
    if (message.type !== 'drain') return;
    setTimeout(() => send({ type: 'leaving', reason: 'drained', detail: undefined }), message.withinMs);
  });
}
if (!has('never ready')) send({ type: 'ready', descriptor: { slot, app: slot }, routes: [] });
