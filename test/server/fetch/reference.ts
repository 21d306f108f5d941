// The thread in which @hono/node-server serves the cases, with the classes of Node.js.
import { parentPort } from 'node:worker_threads';
import { serve } from '@hono/node-server';
import { respond } from './cases.js';

const fetch = (request: Request): Response | Promise<Response> => respond(request) as Response;
const server = serve({ fetch, hostname: '127.0.0.1', port: 0, overrideGlobalObjects: false }, ({ port }) =>
  parentPort!.postMessage(port),
);
parentPort!.on('message', () => server.close());
