// A thread to look into: it idles until it is told what to do.
import { parentPort } from 'node:worker_threads';

export type Order = 'loop' | 'ping' | 'end';

const port = parentPort!;
// What `terminateExecution` breaks off must be a microtask: in a callback Node aborts (docs/cluster.md).
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
