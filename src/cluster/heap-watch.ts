// Watches the heaps of workers (WORKER_HEAP_MB). An exhausted heap cannot be caught and ends the whole
// process, so a worker is replaced while it can still end in order. The heap is read from shared memory, so
// watching it costs the worker nothing.
//
// A worker is judged by the part of its heap that a full garbage collection could not free, which is what the
// worker really needs. V8 collects more often when the heap is near its limit. The bytes in use do not show
// the need, because they grow with every allocation until the next collection.
import type { Logger } from 'pino';
import { type Every, ownInterval } from '../grouped-interval.js';
import type { Block } from '../memory/block.js';
import { readWorker, retainedHeaps } from '../memory/worker-row.js';
import { type HeapLimits, heapNeed } from './heap-limits.js';
import type { Replacement } from './replacements.js';
import type { WorkerThread } from './worker-thread.js';
import type { ThreadView } from './workers.js';

export const LOOK_EVERY_MS = 50;
/**
 * The pause between two replacements of one worker. A worker may need more than its limit from the start, and
 * would be replaced again and again.
 */
const PAUSE_MS = 5_000;
const MIB = 1024 * 1024;

export interface HeapWatchOptions {
  readonly supervisor: {
    readonly workers: readonly ThreadView[];
    readonly threads: readonly WorkerThread[];
    /**
     * Starts a new thread, and drains the old one when the new one serves.
     * @param before a thread that started later than this is not replaced
     */
    replace(worker: number, reason: 'heap', before: number): Promise<Pick<Replacement, 'isReplaced'>>;
    /** Orders a thread to end at once, without waiting for its requests. */
    expel(thread: WorkerThread, reason: 'heap'): void;
  };
  readonly block: Block;
  /** Undefined switches the watch off. */
  readonly limits: HeapLimits | undefined;
  readonly log: Pick<Logger, 'warn' | 'error'>;
  /** @default a timer of its own */
  readonly every?: Every;
}

/** @returns a function that ends the watch */
export function watchHeaps({
  supervisor,
  block,
  limits,
  log,
  every = ownInterval,
}: HeapWatchOptions): () => void {
  if (limits === undefined) return () => undefined;
  const limitMb = Math.round(limits.softBytes / MIB);
  const replacing = new Set<number>();
  /** When each worker was last replaced for its heap, on the clock of `performance.now()`. */
  const replacedAt = new Map<number, number>();
  const expelled = new WeakSet<WorkerThread>();

  const retained = retainedHeaps(block);
  const needOf = ({ slot }: ThreadView): ReturnType<typeof heapNeed> => heapNeed(retained(slot), limits);
  const described = ({ worker, generation, slot }: ThreadView) => {
    const { heapUsedBytes, heapRetainedBytes } = readWorker(block, slot);
    const [heapUsedMb, heapRetainedMb] = [heapUsedBytes, heapRetainedBytes].map((bytes) =>
      Math.round(bytes / MIB),
    );
    return { worker, generation, heapUsedMb, heapRetainedMb, limitMb };
  };

  const replace = (thread: ThreadView): void => {
    const { worker, generation } = thread;
    replacing.add(worker);
    replacedAt.set(worker, performance.now());
    log.warn(described(thread), 'heap over its limit; replacing the worker');
    void supervisor.replace(worker, 'heap', performance.now()).then(({ isReplaced }) => {
      replacing.delete(worker);
      if (isReplaced) return;
      log.error({ worker, generation }, 'the replacement did not get ready; the old worker keeps serving');
    });
  };

  const expel = (thread: WorkerThread): void => {
    if (expelled.has(thread)) return;
    expelled.add(thread);
    log.error(
      described(thread),
      'heap almost exhausted; the worker leaves at once, its requests get 504 or are cut',
    );
    supervisor.expel(thread, 'heap');
  };

  const look = (): void => {
    for (const thread of supervisor.threads) {
      if (thread.state.kind === 'dead') continue;
      if (needOf(thread) === 'leave') expel(thread);
    }
    for (const thread of supervisor.workers) {
      const { worker, state } = thread;
      if (state.kind !== 'ready' || replacing.has(worker)) continue;
      if (performance.now() - (replacedAt.get(worker) ?? Number.NEGATIVE_INFINITY) < PAUSE_MS) continue;
      if (needOf(thread) === 'replace') replace(thread);
    }
  };
  return every(LOOK_EVERY_MS, look);
}
