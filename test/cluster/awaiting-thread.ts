// A thread that loops over awaits until it is broken off. It has no AsyncLocalStorage, so V8 runs no promise
// hooks, and looks at it find it between two microtasks nearly always.
import { parentPort } from 'node:worker_threads';
import { allowBreakOff } from '#src/cluster/interrupt.js';

export type Order = 'loop' | 'ping';

const [BEAT_MS, STANDS_MS] = [5, 20];

const port = parentPort!;
let turned = performance.now();
setInterval(() => {
  turned = performance.now();
}, BEAT_MS);
const isStanding = (): boolean => performance.now() - turned >= STANDS_MS;
allowBreakOff({ isStanding, examine: () => (isStanding() ? { where: 'elsewhere' } : undefined) });

async function loop(): Promise<never> {
  for (;;) await Promise.resolve();
}

port.on('message', (order: Order) => {
  port.postMessage(order);
  if (order === 'loop') void loop();
});
port.postMessage('up');
