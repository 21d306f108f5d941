// The baseline: raw uWebSockets.js with the threads of ours and nothing else. `node primary.js [SHARDING]
// WORKERS` prints `ready http://…` on stderr; SIGTERM ends it gracefully. With `acceptor` one listener passes
// sockets to the threads, with `reuseport` every thread listens and the kernel chooses.

import uWS, { type us_listen_socket } from 'uWebSockets.js';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { freePort } from '../../process/free-port.js';
import { newApp } from './app.js';

const [, , ...flags] = process.argv;
const workers = Number(flags.at(-1) ?? 2);

interface Thread {
  readonly thread: Worker;
  /** The first message: a descriptor with `acceptor`, nothing that is needed with `reuseport`. */
  readonly message: unknown;
}

async function startThread(port: number | undefined): Promise<Thread> {
  const thread = new Worker(new URL('./worker.js', import.meta.url), { workerData: port });
  const [message] = (await once(thread, 'message')) as [unknown];
  return { thread, message };
}

async function endThread(thread: Worker): Promise<void> {
  const ended = once(thread, 'exit');
  thread.postMessage('close');
  await ended;
}

/** @returns the port, and what ends the server */
async function accept(count: number): Promise<[port: number, leave: () => Promise<void>]> {
  const acceptor = newApp();
  const threads = await Promise.all(Array.from({ length: count }, () => startThread(undefined)));
  for (const { message } of threads) acceptor.addChildAppDescriptor(message);
  const listening = await new Promise<us_listen_socket>((resolve, reject) => {
    acceptor.listen('127.0.0.1', 0, (socket) => {
      if (socket === false) reject(new Error('raw-uws: no port to listen on'));
      else resolve(socket);
    });
  });
  const leave = async (): Promise<void> => {
    uWS.us_listen_socket_close(listening);
    for (const { thread, message } of threads) {
      acceptor.removeChildAppDescriptor(message);
      await endThread(thread);
    }
    acceptor.close();
  };
  return [uWS.us_socket_local_port(listening), leave];
}

async function share(count: number): Promise<[port: number, leave: () => Promise<void>]> {
  // To the core port 0 is one that no other listener may share.
  const port = await freePort();
  const threads = await Promise.all(Array.from({ length: count }, () => startThread(port)));
  const leave = async (): Promise<void> => {
    for (const { thread } of threads) await endThread(thread);
  };
  return [port, leave];
}

const [port, leave] = await (flags[0] === 'reuseport' ? share : accept)(workers);
process.stderr.write(`ready http://127.0.0.1:${port}\n`);
process.once('SIGTERM', () => void leave());
process.once('SIGINT', () => void leave());
