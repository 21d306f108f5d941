// A process with threads that do not end, each with an open HTTP core, which ends all the same: kind and code
// are its arguments.

import uWS from 'uWebSockets.js';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { exitProcess } from '#src/process/process-exit.js';

export type Kind = 'idle' | 'loop' | 'garbage' | 'hash' | 'wait' | 'none';

const THREADS = 3;

async function end(kind: Kind, code: number): Promise<never> {
  const threads = kind === 'none' ? 0 : THREADS;
  for (let made = 0; made < threads; made += 1) {
    await once(new Worker(new URL(import.meta.url), { workerData: kind }), 'message');
  }
  process.on('exit', (ended) => writeSync(1, `ended ${ended}`));
  return exitProcess(code, threads > 0);
}

function beStuck(kind: Kind): void {
  const app = uWS.App();
  app.listen('127.0.0.1', 0, () => undefined);
  setTimeout(() => {
    parentPort!.postMessage('stuck');
    for (let text = ''; kind !== 'idle'; text = kind) {
      if (kind === 'garbage') JSON.parse(JSON.stringify(Array.from({ length: 1000 }, (_, n) => ({ n }))));
      if (kind === 'hash') createHash('sha256').update(text.repeat(100)).digest();
      if (kind === 'wait') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    }
  }, 10);
}

if (isMainThread) await end(process.argv[2] as Kind, Number(process.argv[3]));
else beStuck(workerData as Kind);
