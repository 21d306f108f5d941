// A thread whose code of services has put something of its own where the runtime of the primary asks.
import { runInThisContext } from 'node:vm';
import { BroadcastChannel, parentPort, workerData } from 'node:worker_threads';
import { allowInterrupts } from '#src/cluster/interruptible.js';

/** Script that runs after the runtime has prepared the thread, and what its code posts meanwhile. */
export interface Tampering {
  readonly script: string;
  readonly posts: readonly unknown[];
  /** Channel that the runtime uses between the primary and this thread. */
  readonly channel: string;
}

const { script, posts, channel } = workerData as Tampering;
allowInterrupts({ isStalled: () => true, examine: () => ({ where: 'elsewhere' }) });
runInThisContext(script);
const ears = new BroadcastChannel(channel);
parentPort!.on('message', () => {
  for (const post of posts) ears.postMessage(post);
  parentPort!.postMessage('posted');
});
parentPort!.postMessage('up');
