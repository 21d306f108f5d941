// A thread of a test that works for a given time, in a timer behind an await, and may be interrupted
// meanwhile.
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import { interruptible } from './interruptible-loop.js';

/** Milliseconds of work; 0 requests a sign of life. */
export type Order = number;

const STANDS_MS = 10;

const port = parentPort!;
const storage = interruptible<{ readonly work: number }>(STANDS_MS);

async function work(ms: number): Promise<void> {
  await sleep(1);
  await new Promise<void>((resolve) => {
    setTimeout(() => {
      const end = performance.now() + ms;
      while (performance.now() < end);
      resolve();
    }, 1);
  });
}

port.on('message', (order: Order) => {
  if (order === 0) port.postMessage('turns');
  else void storage.run({ work: order }, () => work(order));
});
port.postMessage('turns');
