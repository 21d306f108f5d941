// What runs in a gRPC worker.
import type { WorkerBoot } from '../cluster/messages.js';
import type { WorkerSide } from '../cluster/worker-side.js';
import { openGrpcServer } from './grpc-worker-server.js';
import { serve } from './serve.js';

export const serveWorker = (boot: WorkerBoot, side: WorkerSide): Promise<void> =>
  serve(boot, side, openGrpcServer);
