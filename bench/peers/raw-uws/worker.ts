// One thread of the baseline. It ends in the only order that does not abort the process: the acceptor
// removes its descriptor, or it closes its own listener; then the app closes; then the thread ends.

import uWS, { type us_listen_socket } from 'uWebSockets.js';
import { parentPort, workerData } from 'node:worker_threads';
import { addRoutes, newApp } from './app.js';

if (parentPort === null) throw new Error('raw-uws: worker.js runs as a worker thread only');
const primary = parentPort;
const app = addRoutes(newApp());
let listening: us_listen_socket | undefined;

/** The port that all threads listen on; undefined when the acceptor passes connections. */
const port = workerData as number | undefined;

primary.once('message', () => {
  if (listening !== undefined) uWS.us_listen_socket_close(listening);
  app.close();
  primary.close();
});

if (port === undefined) primary.postMessage(app.getDescriptor());
else {
  app.listen('127.0.0.1', port, (socket) => {
    if (socket === false) throw new Error('raw-uws: no port to listen on');
    listening = socket;
    primary.postMessage('listening');
  });
}
