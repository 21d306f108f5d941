// A thread of a test whose code goes down to the end of its stack and up again, until it is interrupted. Its
// loops call nothing, so they need no room on the stack.
import { parentPort } from 'node:worker_threads';
import type { DiveOrder } from './diving-order.js';
import { interruptible } from './interruptible-loop.js';

const STANDS_MS = 20;
/** This many rounds of a loop take some milliseconds. */
const ROUNDS = 3_000_000;

const port = parentPort!;
interruptible(STANDS_MS);

/** Goes down to the end of the stack, and stays there for a moment. */
function dive(): void {
  try {
    dive();
  } catch {
    for (let round = 0; round < ROUNDS; round++);
  }
}

function diveForEver(): never {
  for (;;) {
    dive();
    for (let round = 0; round < ROUNDS; round++);
  }
}

async function diveBehindAwait(): Promise<never> {
  await Promise.resolve();
  return diveForEver();
}

port.on('message', (order: DiveOrder) => {
  port.postMessage(order);
  if (order === 'directly') diveForEver();
  else if (order === 'in a timer') setTimeout(diveForEver, 1);
  else if (order === 'behind an await') void diveBehindAwait();
});
port.postMessage('up');
