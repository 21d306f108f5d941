// A worker thread with the runtime's own half of the protocol, in whose first generation code of a service
// posts a message of that protocol, or does not let the runtime hear any.
import { BroadcastChannel, parentPort, workerData } from 'node:worker_threads';
import type { WorkerBoot } from '#src/cluster/messages.js';
import { WorkerSide } from '#src/cluster/worker-side.js';
import { IDLE_PARTS } from './idle-parts.js';

/** Passed as `instanceId`, in JSON. */
export interface Forgery {
  readonly moment: 'starting' | 'ready' | 'draining';
  readonly posts: readonly unknown[];
  readonly isDeaf: boolean;
  /** Posts over and over. */
  readonly isRepeated?: boolean;
  /** The only worker whose code does so. */
  readonly worker?: number;
  /** Channel that ends the thread, deaf or not. */
  readonly ending: string;
}

const { slot, worker, generation, instanceId, settings } = workerData as WorkerBoot;
const forgery = JSON.parse(instanceId) as Forgery;
const { moment, posts, isDeaf, isRepeated = false, ending } = forgery;
// The runtime puts its own in the place of it.
const exit = (process as unknown as { reallyExit(): never }).reallyExit.bind(process);
const side = new WorkerSide(parentPort!, settings);

function forge(now: Forgery['moment']): void {
  if (generation !== 1 || now !== moment || worker !== (forgery.worker ?? worker)) return;
  const postAll = (): void => {
    for (const post of posts) parentPort!.postMessage(post);
  };
  postAll();
  if (isRepeated) setInterval(postAll, 10);
  if (isDeaf) parentPort!.removeAllListeners('message');
}

side.arm({
  drain: async () => forge('draining'),
  ...IDLE_PARTS,
});
// Keeps the thread alive. A deaf one ends with the test.
new BroadcastChannel(ending).onmessage = () => exit();
forge('starting');
// By now what the primary replies has arrived.
setImmediate(() => {
  side.ready({ slot, app: undefined }, []);
  forge('ready');
});
