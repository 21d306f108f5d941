// A worker thread with the runtime's own half of the protocol, that fails as it is told and reports, at the
// end of its drain, whether its half takes it for one that has failed.
import { parentPort, workerData } from 'node:worker_threads';
import { WorkerSide } from '#src/cluster/worker-side.js';
import type { Settings } from '#src/config.js';
import { IDLE_PARTS } from './idle-parts.js';

export interface Failing {
  readonly unhandledRejection: Settings['unhandledRejection'];
  readonly fails: 'never' | 'at once' | 'while it drains';
  readonly how: 'throws' | 'rejects' | 'exits';
}

export interface Report {
  readonly hasFailed: boolean;
}

const { fails, how, unhandledRejection } = workerData as Failing;
const port = parentPort!;

/** Resolves when the runtime has seen it. */
async function fail(): Promise<void> {
  if (how === 'rejects') void Promise.reject(new Error('in a step'));
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
    if (fails === 'while it drains') await fail();
    port.postMessage({ hasFailed: side.hasFailed } satisfies Report);
  },
  ...IDLE_PARTS,
});
if (fails === 'at once') await fail();
