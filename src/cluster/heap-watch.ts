// WORKER_HEAP_MB: a heap that is exhausted cannot be caught and takes the process along, so a worker is replaced
// while it can still end in order. Read from shared memory, so a busy worker is seen as well.
import type { Logger } from 'pino';
import type { Block } from '../memory/block.js';
import { readWorker } from '../memory/worker-row.js';
import type { Supervisor } from './supervisor.js';

const LOOK_EVERY_MS = 500;
/** A limit below what a worker needs to start with replaces it again and again; not more often than this. */
const LEAST_AGE_MS = 5_000;
const MIB = 1024 * 1024;

export interface HeapWatchOptions {
  readonly supervisor: Pick<Supervisor, 'lanes' | 'replace'>;
  readonly block: Block;
  readonly limitMb: number;
  readonly log: Pick<Logger, 'warn' | 'error'>;
}

/** @returns how to stop it */
export function watchHeaps({ supervisor, block, limitMb, log }: HeapWatchOptions): () => void {
  if (limitMb === 0) return () => undefined;
  const replacing = new Set<number>();
  const look = (): void => {
    const now = new Date();
    for (const { worker, generation, slot, state, startedAt } of supervisor.lanes) {
      const { heapUsedBytes } = readWorker(block, slot);
      const isOver = heapUsedBytes > limitMb * MIB;
      if (!isOver || state.kind !== 'ready' || replacing.has(worker)) continue;
      if (now.getTime() - startedAt.getTime() < LEAST_AGE_MS) continue;
      replacing.add(worker);
      const heapUsedMb = Math.round(heapUsedBytes / MIB);
      log.warn({ worker, generation, heapUsedMb, limitMb }, 'heap over its limit: worker is replaced');
      void supervisor.replace(worker, 'heap', now).then(({ isReplaced }) => {
        replacing.delete(worker);
        if (!isReplaced)
          log.error({ worker, generation }, 'a replacement did not get ready, the worker serves on');
      });
    }
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  return () => clearInterval(timer);
}
