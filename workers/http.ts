// Entry of an HTTP worker thread: the catchers first, then everything else; wiring is in http/serve.ts.
import { parentPort, workerData } from 'node:worker_threads';
import { PROTOCOL_VERSION, type WorkerBoot } from '#src/cluster/messages.js';
import { WorkerSide } from '#src/cluster/worker-side.js';
import { ConfigError } from '#src/errors.js';
import { serve } from './http/serve.js';

const boot = workerData as WorkerBoot;
const side = new WorkerSide(parentPort!, boot.settings);
try {
  if (boot.protocol !== PROTOCOL_VERSION) throw new Error(`thread protocol ${boot.protocol} is not ours`);
  await serve(boot, side);
} catch (error) {
  if (error instanceof ConfigError) side.refuse(error.message, error.exitCode);
  else side.startFailed(error);
}
