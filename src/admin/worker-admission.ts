// The state of each worker's admission gate, for `/limits` and `/metrics`. It is read from shared memory, so
// no worker is woken.
import type { WorkerThread } from '../cluster/worker-thread.js';
import { readAdmission, type WorkerAdmission } from '../memory/admission-cells.js';
import type { Block } from '../memory/block.js';

export type ShownThread = Pick<WorkerThread, 'worker' | 'generation' | 'slot' | 'state'>;

/** A stalled thread neither admits nor refuses, so the values that it published last are dropped. */
export function readWorkerAdmission(block: Block, { slot, state }: ShownThread): WorkerAdmission {
  const shown = readAdmission(block, slot);
  if (state.kind !== 'stalled' && state.kind !== 'wedged') return shown;
  return { ...shown, isShedding: false, boundMs: 0, owedMs: 0, holdMs: 0 };
}
