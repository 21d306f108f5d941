// A worker thread with the runtime's own half of the protocol, in whose first generation code of a service posts a
// message of that protocol, or does not let the runtime hear any.
import { BroadcastChannel, parentPort, workerData } from 'node:worker_threads';
import type { WorkerBoot } from '#src/cluster/messages.js';
import { WorkerSide } from '#src/cluster/worker-side.js';

/** Passed as `instanceId`, in JSON. */
export interface Forgery {
  readonly moment: 'starting' | 'ready' | 'draining';
  readonly posts: readonly unknown[];
  readonly isDeaf: boolean;
  /** Channel that ends the thread, deaf or not. */
  readonly ending: string;
}

const { slot, generation, instanceId, settings } = workerData as WorkerBoot;
const { moment, posts, isDeaf, ending } = JSON.parse(instanceId) as Forgery;
// The runtime puts its own in the place of it.
const exit = (process as unknown as { reallyExit(): never }).reallyExit.bind(process);
const side = new WorkerSide(parentPort!, settings);

function forge(now: Forgery['moment']): void {
  if (generation !== 1 || now !== moment) return;
  for (const post of posts) parentPort!.postMessage(post);
  if (isDeaf) parentPort!.removeAllListeners('message');
}

side.arm({
  drain: async () => forge('draining'),
  examine: () => undefined,
  recover() {},
  accountsFor: () => false,
  close() {},
  serviceReady: async () => {},
});
// Keeps the thread alive. A deaf one ends with the test.
new BroadcastChannel(ending).onmessage = () => exit();
forge('starting');
// By now what the primary replies has arrived.
setImmediate(() => {
  side.ready({ slot, app: undefined }, []);
  forge('ready');
});
