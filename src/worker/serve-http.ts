// What runs in an HTTP worker.
import type { WorkerBoot } from '../cluster/messages.js';
import type { WorkerSide } from '../cluster/worker-side.js';
import { openHttpServer } from './http-server.js';
import { serve } from './serve.js';

export const serveWorker = (boot: WorkerBoot, side: WorkerSide): Promise<void> =>
  serve(boot, side, openHttpServer);
