// The lock for the last attempt of a compensation. Code of such an attempt may end the whole process, and the
// attempt then counts as failed. Only one saga of the process makes its last attempt at a time, so that no
// other saga loses its own in that way.
import type { Block } from '../memory/block.js';
import { BulkheadCells } from '../memory/bulkhead-cells.js';
import { type TryLock, threadLock } from '../saga/try-lock.js';

const NAME = 'sagas with a last chance';

/**
 * The lock is a permit in a row of the bulkheads. The row is taken when the lock is first needed. When a
 * worker is lost, the lock is released with all other permits of that worker.
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
    // No row is left, because services have taken all of them. Each worker then has a lock of its own.
    return threadLock();
  }
}
