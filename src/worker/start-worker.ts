// Starts a worker in its thread: installs the handlers of uncaught errors, then loads and starts the
// services. A failure is reported to the primary.
import { once } from 'node:events';
import type { MessagePort } from 'node:worker_threads';
import { type EarlyBoot, isEarly } from '../cluster/early-threads.js';
import { PROTOCOL_VERSION, type WorkerBoot } from '../cluster/messages.js';
import type { WorkerKind } from '../cluster/worker-group.js';
import { WorkerSide } from '../cluster/worker-side.js';
import { ConfigError } from '../errors.js';
import { UnreachableError } from '../user-code/unreachable.js';
import { preload } from './http-cores.js';

/** Resolves when the worker is ready, or the primary has the reason why it never will be. */
export async function startWorker(
  data: WorkerBoot | EarlyBoot,
  port: MessagePort,
  kind: WorkerKind = 'http',
): Promise<void> {
  const loading = kind === 'http' ? import('./serve-http.js') : import('./serve-grpc.js');
  // A failure is handled where the module is used.
  loading.catch(() => undefined);
  if (kind === 'http') preload(isEarly(data) ? data.httpCore : data.settings.httpCore);
  const boot = isEarly(data) ? await bootMessage(data) : data;
  const side = new WorkerSide(port, boot.settings);
  try {
    if (boot.protocol !== PROTOCOL_VERSION)
      throw new Error(`thread protocol ${boot.protocol} is not that of this worker (${PROTOCOL_VERSION})`);
    const { serveWorker } = await loading;
    await serveWorker(boot, side);
  } catch (error) {
    if (error instanceof ConfigError || error instanceof UnreachableError)
      side.refuse(error.message, error.exitCode);
    else side.startFailed(error);
  }
}

async function bootMessage({ bootPort }: EarlyBoot): Promise<WorkerBoot> {
  const [boot] = (await once(bootPort, 'message')) as [WorkerBoot];
  bootPort.close();
  return boot;
}
