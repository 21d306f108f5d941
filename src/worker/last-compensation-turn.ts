// The turn of sagas whose compensation has its last chance, one for all workers: what a compensation ends is
// the process.
import type { Block } from '../memory/block.js';
import { BulkheadCells } from '../memory/bulkhead-cells.js';
import { type TryLock, threadLock } from '../saga/try-lock.js';

const NAME = 'sagas with a last chance';

/**
 * Has a row among the bulkheads only once it is needed. What a lost worker held is released with the rest.
 */
export function lastCompensationTurn(block: Block, slot: number): TryLock {
  let lock: TryLock | undefined;
  return {
    tryAcquire() {
      lock ??= lockIn(block, slot);
      return lock.tryAcquire();
    },
    release() {
      lock?.release();
    },
  };
}

function lockIn(block: Block, slot: number): TryLock {
  try {
    const permits = new BulkheadCells(block, slot).of(NAME);
    return { tryAcquire: () => permits.enter(1), release: () => permits.leave() };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    // Services have all the rows: then one in each worker has to do.
    return threadLock();
  }
}
