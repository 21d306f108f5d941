// A worker thread of a test about a project whose configuration is broken on disk while its first thread
// serves. The first thread fails. All later ones reject the configuration until it is mended: `instanceId` is
// the first generation that accepts it.
import { parentPort, workerData } from 'node:worker_threads';
import type { FromWorker, ToWorker, WorkerBoot } from '#src/cluster/messages.js';

const { slot, generation, instanceId } = workerData as WorkerBoot;
const send = (message: FromWorker): void => parentPort!.postMessage(message);
const leave = (reason: 'uncaught-exception' | 'drained'): void =>
  send({ type: 'leaving', reason, detail: undefined });

parentPort!.on('message', (message: ToWorker) => {
  if (message.type === 'detached') process.exit();
  if (message.type === 'drain') leave('drained');
});
const isMended = generation >= Number(instanceId);
if (generation === 1 || isMended) send({ type: 'ready', descriptor: { slot, app: slot }, routes: [] });
else send({ type: 'refused', message: 'the configuration is broken', exitCode: 78 });
if (generation === 1) leave('uncaught-exception');
