// Starts an HTTP worker in its thread: installs the handlers of uncaught errors, then loads and starts the
// services. A failure is reported to the primary.
import type { MessagePort } from 'node:worker_threads';
import { PROTOCOL_VERSION, type WorkerBoot } from '../cluster/messages.js';
import { WorkerSide } from '../cluster/worker-side.js';
import { ConfigError } from '../errors.js';

/** Resolves when the worker is ready, or the primary has the reason why it never will be. */
export async function startWorker(boot: WorkerBoot, port: MessagePort): Promise<void> {
  const side = new WorkerSide(port, boot.settings);
  try {
    if (boot.protocol !== PROTOCOL_VERSION)
      throw new Error(`thread protocol ${boot.protocol} is not that of this worker (${PROTOCOL_VERSION})`);
    const { serve } = await loadInSteps();
    await serve(boot, side);
  } catch (error) {
    if (error instanceof ConfigError) side.refuse(error.message, error.exitCode);
    else side.startFailed(error);
  }
}

/**
 * Loads the modules of a worker in several steps. Node.js opens all files of one level of imports before it
 * reads the first of them: a start would need 100 file descriptors at once, which a process with
 * MAX_CONNECTIONS open connections does not have. In these steps it needs half of them.
 */
async function loadInSteps(): Promise<typeof import('./serve.js')> {
  await import('@sinclair/typebox/value');
  await import('@sinclair/typebox');
  await import('../server/app.js');
  await import('../db/create-database.js');
  await import('../saga/engine.js');
  await import('./outbound-calls.js');
  await import('./host.js');
  return import('./serve.js');
}
