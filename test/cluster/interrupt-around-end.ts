// Interrupts a thread again and again around the moment at which its work ends by itself.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { interruptThread } from '#src/cluster/interrupt.js';
import { seeded } from '#test/support/random.js';
import type { Order } from './stalling-thread.js';

/** @returns how often the work was interrupted, and how often it had ended before */
export async function interruptAroundTheEnd(
  times: number,
  seed: number,
): Promise<{ interrupted: number; ended: number }> {
  const random = seeded(seed);
  const thread = new Worker(new URL('./stalling-thread.js', import.meta.url));
  const order = (what: Order): void => thread.postMessage(what);
  const counts = { interrupted: 0, ended: 0 };
  await once(thread, 'message');
  for (let time = 0; time < times; time += 1) {
    const ms = 14 + random() * 8;
    order(ms);
    await sleep(ms - 1 + random() * 6);
    const answer = await interruptThread(thread.threadId);
    if (typeof answer === 'object') counts.interrupted += 1;
    else counts.ended += 1;
    order(0);
    await once(thread, 'message');
  }
  await thread.terminate();
  return counts;
}
