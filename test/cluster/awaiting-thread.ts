// A thread of a test that loops over awaits until it is interrupted. It has no AsyncLocalStorage, so V8 runs
// no promise hooks, and nearly every attempt finds it between two microtasks.
import { parentPort } from 'node:worker_threads';
import { allowInterrupts } from '#src/cluster/interruptible.js';

export type Order = 'loop' | 'ping';

const [BEAT_MS, STANDS_MS] = [5, 20];

const port = parentPort!;
let turned = performance.now();
setInterval(() => {
  turned = performance.now();
}, BEAT_MS);
const isStalled = (): boolean => performance.now() - turned >= STANDS_MS;
allowInterrupts({ isStalled, examine: () => (isStalled() ? { where: 'elsewhere' } : undefined) });

async function loop(): Promise<never> {
  for (;;) await Promise.resolve();
}

port.on('message', (order: Order) => {
  port.postMessage(order);
  if (order === 'loop') void loop();
});
port.postMessage('up');
