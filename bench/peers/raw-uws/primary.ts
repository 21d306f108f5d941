// The baseline: raw uWebSockets.js with the same acceptor model as ours, where one listener passes sockets to
// worker threads. `node primary.js WORKERS` prints `ready http://…` on stderr; SIGTERM ends it gracefully.

import uWS, { type us_listen_socket } from 'uWebSockets.js';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { newApp } from './app.js';

const count = Number(process.argv[2] ?? 2);
const acceptor = newApp();
const children = await Promise.all(
  Array.from({ length: count }, async () => {
    const thread = new Worker(new URL('./worker.js', import.meta.url));
    const [descriptor] = (await once(thread, 'message')) as [unknown];
    acceptor.addChildAppDescriptor(descriptor);
    return { thread, descriptor };
  }),
);

const listening = await new Promise<us_listen_socket>((resolve, reject) => {
  acceptor.listen('127.0.0.1', 0, (socket) => {
    if (socket === false) reject(new Error('raw-uws: no port to listen on'));
    else resolve(socket);
  });
});
process.stderr.write(`ready http://127.0.0.1:${uWS.us_socket_local_port(listening)}\n`);

const leave = async (): Promise<void> => {
  uWS.us_listen_socket_close(listening);
  for (const { thread, descriptor } of children) {
    acceptor.removeChildAppDescriptor(descriptor);
    const ended = once(thread, 'exit');
    thread.postMessage('close');
    await ended;
  }
  acceptor.close();
};
process.once('SIGTERM', () => void leave());
process.once('SIGINT', () => void leave());
