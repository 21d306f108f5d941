// Keeps many idle connections open: on each, one request was made and responded to. `node idle.js URL
// CONNECTIONS` prints `open N` when they are there, and ends when its stdin ends. Then it prints how many the
// server has closed.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { CONNECTIONS, TARGET } from './client.js';
import { openConnections, requestTo } from './connect.js';

/** Time without a further response after which the rest is not waited for. */
const PATIENCE_MS = 5000;

const served = new Set<number>();
let last = performance.now();
let closed = 0;
await openConnections(
  TARGET,
  CONNECTIONS,
  () => requestTo(TARGET),
  (socket, index) => {
    socket.on('data', () => {
      served.add(index);
      last = performance.now();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      closed += 1;
    });
  },
);
while (served.size < CONNECTIONS && performance.now() - last < PATIENCE_MS) await sleep(20);
process.stdout.write(`open ${served.size - closed}\n`);
process.stdin.resume();
await once(process.stdin, 'end');
process.stdout.write(`closed ${closed}\n`, () => process.exit(0));
