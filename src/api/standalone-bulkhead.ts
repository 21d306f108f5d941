// The bulkhead on its own, for a program without a server. With the memory of another thread's bulkhead it is
// the same bulkhead. In a service, `shared.bulkhead` is that of all workers already.
import { threadId } from 'node:worker_threads';
import { BulkheadCells, reclaimBulkheads } from '../memory/bulkhead-cells.js';
import type { PartMemory } from '../memory/part.js';
import { ANYTHING } from '../options.js';
import {
  BULKHEAD_KINDS,
  type BulkheadOptions,
  bulkheadNumbers,
  bulkheadShape,
  checkedBulkheadOptions,
} from '../resilience/bulkhead-options.js';
import { type Bulkhead, BulkheadQueue } from '../resilience/bulkhead-queue.js';
import { partFor } from './standalone-memory.js';

export interface StandaloneBulkheadOptions extends BulkheadOptions {
  /**
   * Of another bulkhead, with which this one is the same; its numbers must be the same, too. In one thread
   * both have one queue, where this is the same object; memory that a thread is sent twice is two objects,
   * whose queues take turns by chance.
   */
  readonly memory?: PartMemory;
  /** Threads that may use it at the same time, 1..1024, where it has memory of its own. Default 64. */
  readonly threads?: number;
}

export interface StandaloneBulkhead extends Bulkhead {
  /** For other threads. */
  readonly memory: PartMemory;
  /**
   * Gives back the places that a thread held which has ended, and its own among `threads`. Nothing else does.
   * It does not matter where the thread was killed: of a place that it was just taking or leaving it is found
   * out what became of it, now or, while other threads take and leave places without a pause, by the next
   * call that would be refused.
   * @param thread its `threadId`; a Worker forgets it when it ends, so ask for it before
   * @returns false when that thread has no place
   * @throws RangeError for the thread that calls, and for what is no `threadId`, such as the -1 of an ended
   *   Worker
   */
  reclaim(thread: number): boolean;
}

const NAME = 'bulkhead';

const OPTIONS = bulkheadShape<StandaloneBulkheadOptions>({
  ...BULKHEAD_KINDS,
  memory: ANYTHING,
  threads: ANYTHING,
});

/**
 * A thread has one place among those that wait, so all that it creates over the same memory is one queue: two
 * would take that place from each other.
 */
const queues = new WeakMap<PartMemory, BulkheadQueue>();

/**
 * @throws TypeError for bad numbers, and such as are not those of the memory; RangeError when it is used by
 *   too many threads; Error for memory of anything else
 */
export function createBulkhead(options: StandaloneBulkheadOptions): StandaloneBulkhead {
  const settings = checkedBulkheadOptions('createBulkhead', options, OPTIONS);
  const part = partFor('bulkhead', options);
  const cells = new BulkheadCells(part, part.slotOf(threadId));
  if (!cells.agree(NAME, bulkheadNumbers(settings), false)) {
    throw new TypeError('createBulkhead: the memory is of a bulkhead with other numbers');
  }
  const queue =
    queues.get(part.buffer) ??
    new BulkheadQueue({ permits: cells.of(NAME), ...settings, onRefused: () => undefined });
  queues.set(part.buffer, queue);
  return {
    memory: part.buffer,
    run: (work, run) => queue.run(work, run),
    get held() {
      return queue.held;
    },
    get waiting() {
      return queue.waiting;
    },
    reclaim: (thread) => part.reclaim(thread, (slot) => reclaimBulkheads(part, slot)),
  };
}
