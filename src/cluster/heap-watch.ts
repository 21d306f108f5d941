// WORKER_HEAP_MB: a worker whose heap is exhausted cannot be saved and ends the whole process, so it is
// replaced while it can still end in order. The heap is read from shared memory, so this costs the worker
// nothing.
//
// The heap in use says little, because it grows between two garbage collections at the speed of all
// allocations. What a full collection leaves of it is what the worker really holds, and V8 collects the more
// often the nearer the heap comes to its limit. So a worker is judged by that.
import type { Logger } from 'pino';
import type { Block } from '../memory/block.js';
import { readWorker } from '../memory/worker-row.js';
import { type HeapLimits, heapNeed } from './heap-limits.js';
import type { ThreadView } from './lanes.js';
import type { Replacement } from './replacements.js';
import type { WorkerThread } from './worker-thread.js';

export const LOOK_EVERY_MS = 50;
/**
 * A limit below what a worker needs to start with replaces it again and again, but not more often than this.
 */
const PAUSE_MS = 5_000;
const MIB = 1024 * 1024;

export interface HeapWatchOptions {
  readonly supervisor: {
    readonly lanes: readonly ThreadView[];
    readonly threads: readonly WorkerThread[];
    replace(worker: number, order: 'heap', before: number): Promise<Pick<Replacement, 'isReplaced'>>;
    expel(thread: WorkerThread, order: 'heap'): void;
  };
  readonly block: Block;
  /** `undefined` switches the watch off. */
  readonly limits: HeapLimits | undefined;
  readonly log: Pick<Logger, 'warn' | 'error'>;
}

/** @returns how to stop it */
export function watchHeaps({ supervisor, block, limits, log }: HeapWatchOptions): () => void {
  if (limits === undefined) return () => undefined;
  const limitMb = Math.round(limits.softBytes / MIB);
  const replacing = new Set<number>();
  /** When a worker was last replaced for its heap, on `performance.now()`. */
  const replacedAt = new Map<number, number>();
  const expelled = new WeakSet<WorkerThread>();

  const needOf = ({ slot }: ThreadView): ReturnType<typeof heapNeed> =>
    heapNeed(readWorker(block, slot).heapRetainedBytes, limits);
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
    log.warn(described(thread), 'heap over its limit: worker is replaced');
    void supervisor.replace(worker, 'heap', performance.now()).then(({ isReplaced }) => {
      replacing.delete(worker);
      if (!isReplaced)
        log.error({ worker, generation }, 'a replacement did not get ready, the worker serves on');
    });
  };

  const expel = (thread: WorkerThread): void => {
    if (expelled.has(thread)) return;
    expelled.add(thread);
    log.error(described(thread), 'heap almost exhausted: worker leaves at once, with what it has in hand');
    supervisor.expel(thread, 'heap');
  };

  const look = (): void => {
    for (const thread of supervisor.threads) {
      if (thread.state.kind === 'dead') continue;
      if (needOf(thread) === 'leave') expel(thread);
    }
    for (const thread of supervisor.lanes) {
      const { worker, state } = thread;
      if (state.kind !== 'ready' || replacing.has(worker)) continue;
      if (performance.now() - (replacedAt.get(worker) ?? Number.NEGATIVE_INFINITY) < PAUSE_MS) continue;
      if (needOf(thread) === 'replace') replace(thread);
    }
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  return () => clearInterval(timer);
}
