// A thread of a test for inspector sessions: it idles until it receives an order.
import { parentPort } from 'node:worker_threads';

export type Order = 'loop' | 'ping' | 'end';

const port = parentPort!;
// `terminateExecution` must hit a microtask: in a callback, Node.js aborts the process (docs/cluster.md).
port.on('message', (order: Order) => {
  void Promise.resolve().then(() => {
    if (order === 'end') port.close();
    if (order === 'ping') port.postMessage('pong');
    if (order === 'loop') {
      port.postMessage('looping');
      for (;;);
    }
  });
});
port.postMessage('up');
