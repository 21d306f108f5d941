// A thread that works for as long as it is told, in a timer behind an await, and may be broken off meanwhile.
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import { allowBreakOff } from '#src/cluster/break-off.js';

/** Milliseconds of work; 0 asks for a sign of life. */
export type Order = number;

const STANDS_MS = 10;

const port = parentPort!;
const storage = new AsyncLocalStorage<{ readonly work: number } | undefined>();
let turned = performance.now();
setInterval(() => {
  turned = performance.now();
}, 5);
allowBreakOff(() => {
  if (performance.now() - turned < STANDS_MS) return undefined;
  storage.enterWith(undefined);
  return { where: 'elsewhere' };
});

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
