// One thread of the baseline. It ends in the only order that does not abort the process: the acceptor removes
// the descriptor, then the app closes, then the thread ends.
import { parentPort } from 'node:worker_threads';
import { addRoutes, newApp } from './app.js';

if (parentPort === null) throw new Error('raw-uws: worker.js runs as a worker thread only');
const port = parentPort;
const app = addRoutes(newApp());

port.once('message', () => {
  app.close();
  port.close();
});
port.postMessage(app.getDescriptor());
