// The lock of the one saga, over all workers, whose compensation is at its last attempt. A last attempt may
// end the whole process; because no other last attempt runs beside it, no other saga loses its own by that.
import type { Block } from '../memory/block.js';
import { BulkheadCells } from '../memory/bulkhead-cells.js';
import { type TryLock, threadLock } from '../saga/try-lock.js';

const NAME = 'sagas with a last chance';

/**
 * The lock is a permit in a row of the bulkheads, which is taken only when it is first needed. When a worker
 * that holds it is lost, it is released with the other permits of that worker.
 */
export function lastCompensationLock(block: Block, slot: number): TryLock {
  let lock: TryLock | undefined;
  return {
    tryAcquire() {
      lock ??= sharedLock(block, slot);
      return lock.tryAcquire();
    },
    release() {
      lock?.release();
    },
  };
}

function sharedLock(block: Block, slot: number): TryLock {
  try {
    const permits = new BulkheadCells(block, slot).of(NAME);
    return { tryAcquire: () => permits.enter(1), release: () => permits.leave() };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    // Services have taken all rows: then there is one lock in each worker.
    return threadLock();
  }
}
