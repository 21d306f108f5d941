// A bulkhead for programs without a server. A thread that passes the memory of another thread's bulkhead uses
// the same bulkhead. In a service, `shared.bulkhead` already is one for all workers.
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

/** The options of `createBulkhead`. */
export interface StandaloneBulkheadOptions extends BulkheadOptions {
  /**
   * The memory of another bulkhead. Both then act as one, and must have the same options. Within one thread
   * they also have one queue, as long as `memory` is the same object. A thread that received the memory twice
   * has two objects, so two queues, which compete.
   * @default new memory
   */
  readonly memory?: PartMemory;
  /**
   * Threads that may use the bulkhead at the same time, 1..1024, when it has new memory.
   * @default 64
   */
  readonly threads?: number;
}

/** A bulkhead whose permits several threads share. */
export interface StandaloneBulkhead extends Bulkhead {
  /** The memory to pass to another thread. */
  readonly memory: PartMemory;
  /**
   * Releases the permits and the slot of a thread that has ended; nothing else does so. It works whatever the
   * thread was doing when it was killed. When it was just acquiring or releasing a permit, the permits are
   * counted anew: now, or, if other threads acquire and release without a pause, at the next call that would
   * be refused.
   * @param thread the `threadId` of the thread; read it early, since a Worker loses it when it ends
   * @returns false when that thread has no slot
   * @throws RangeError for the calling thread, and for a number that is no `threadId`, such as the -1 of an
   *   ended Worker
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
 * The queues of this thread by memory. The memory has one entry for each thread that waits for a permit, and
 * two queues would overwrite the entry of each other. So all bulkheads over the same memory share a queue.
 */
const queues = new WeakMap<PartMemory, BulkheadQueue>();

/**
 * Creates a bulkhead, or attaches to that of another thread.
 * @throws TypeError for bad options, or options that differ from those in the memory; RangeError when too
 *   many threads use it; Error for memory of another kind
 * @example
 *   const bulkhead = createBulkhead({ limit: 4, queue: 100 });
 *   await bulkhead.run(() => resize(image));
 */
export function createBulkhead(options: StandaloneBulkheadOptions): StandaloneBulkhead {
  const settings = checkedBulkheadOptions('createBulkhead', options, OPTIONS);
  const part = partFor('bulkhead', options);
  const cells = new BulkheadCells(part, part.slotOf(threadId));
  if (!cells.agree(NAME, bulkheadNumbers(settings), false)) {
    throw new TypeError('createBulkhead: the memory belongs to a bulkhead with other options');
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
