// The thread in which @hono/node-server serves the cases: as it does by default, or with the classes of
// Node.js.
import { parentPort, workerData } from 'node:worker_threads';
import { serve } from '@hono/node-server';
import { respond } from './respond.js';

const fetch = (request: Request): Response | Promise<Response> => respond(request) as Response;
const { overrideGlobalObjects } = workerData as { readonly overrideGlobalObjects: boolean };
const server = serve({ fetch, hostname: '127.0.0.1', port: 0, overrideGlobalObjects }, ({ port }) =>
  parentPort!.postMessage(port),
);
parentPort!.on('message', () => server.close());
