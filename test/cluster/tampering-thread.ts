// A thread of a test in which code of a service has replaced what the runtime uses for interruptions.
import { runInThisContext } from 'node:vm';
import { BroadcastChannel, parentPort, workerData } from 'node:worker_threads';
import { allowInterrupts } from '#src/cluster/interruptible.js';

/** The script that runs after the runtime has prepared the thread, and the messages that it posts. */
export interface Tampering {
  readonly script: string;
  readonly posts: readonly unknown[];
  /** The channel between the primary and this thread. */
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
