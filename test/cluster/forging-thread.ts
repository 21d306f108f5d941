// A worker thread of a test with the runtime's side of the protocol. In the first generation, code of a
// service posts messages of that protocol, or removes the runtime's listener.
import { BroadcastChannel, parentPort, workerData } from 'node:worker_threads';
import type { WorkerBoot } from '#src/cluster/messages.js';
import { WorkerSide } from '#src/cluster/worker-side.js';
import { IDLE_PARTS } from './idle-parts.js';

/** What the code does; passed as `instanceId`, in JSON. */
export interface Forgery {
  readonly moment: 'starting' | 'ready' | 'draining';
  readonly posts: readonly unknown[];
  readonly isDeaf: boolean;
  /** The messages are posted again and again. */
  readonly isRepeated?: boolean;
  /** The only worker in which the code does this. */
  readonly worker?: number;
  /** The channel that ends the thread, deaf or not. */
  readonly ending: string;
}

const { slot, worker, generation, instanceId, settings } = workerData as WorkerBoot;
const forgery = JSON.parse(instanceId) as Forgery;
const { moment, posts, isDeaf, isRepeated = false, ending } = forgery;
// The runtime replaces this function later.
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
// The channel keeps the thread alive until the test has ended.
new BroadcastChannel(ending).onmessage = () => exit();
forge('starting');
// By then the reply of the primary has arrived.
setImmediate(() => {
  side.ready({ slot, app: undefined }, []);
  forge('ready');
});
