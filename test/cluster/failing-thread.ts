// A worker thread of a test with the runtime's side of the protocol. It fails in the way that the test
// chooses and reports, at the end of its drain, whether the runtime considers it as failed.
import { parentPort, workerData } from 'node:worker_threads';
import { WorkerSide } from '#src/cluster/worker-side.js';
import type { Settings } from '#src/config.js';
import { clientClosed } from '#src/server/body/body.js';
import { isOfClient } from '#src/server/server-refusal.js';
import { IDLE_PARTS } from './idle-parts.js';

export interface Failing {
  readonly unhandledRejection: Settings['unhandledRejection'];
  readonly fails: 'never' | 'at once' | 'while it drains';
  readonly how: 'throws' | 'rejects' | 'rejects for its client' | 'exits' | 'refuses when it has left';
}

export interface Report {
  readonly hasFailed: boolean;
}

const { fails, how, unhandledRejection } = workerData as Failing;
const port = parentPort!;

/** Resolves when the runtime has handled the failure. */
async function fail(): Promise<void> {
  if (how === 'rejects') void Promise.reject(new Error('in a step'));
  else if (how === 'rejects for its client') void Promise.reject(clientClosed());
  else if (how === 'throws')
    setImmediate(() => {
      throw new Error('in a step');
    });
  else
    try {
      process.exit(1);
    } catch {}
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
}

const side = new WorkerSide(port, { unhandledRejection });
side.arm({
  async drain() {
    if (how === 'refuses when it has left') setImmediate(() => side.refuse('a wrong route', 78));
    else if (fails === 'while it drains') await fail();
    port.postMessage({ hasFailed: side.hasFailed } satisfies Report);
  },
  ...IDLE_PARTS,
  accountsForRejection: isOfClient,
});
if (fails === 'at once') await fail();
