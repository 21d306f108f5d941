// Writes the heap of this worker into shared memory: the bytes in use, and the bytes that a full garbage
// collection has left (see heap-watch.ts).
import {
  constants,
  type NodeGCPerformanceDetail,
  type PerformanceEntry,
  PerformanceObserver,
  performance,
} from 'node:perf_hooks';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { WorkerRow } from '../memory/worker-row.js';

const MIB = 1024 * 1024;
/**
 * A full collection is forced when a heap has been over its limit for this long without one. V8 may not
 * collect for minutes when little is allocated.
 */
const LATE_MS = 5_000;
/** Collecting a larger heap at once would stall the event loop. V8 by itself does it in small steps. */
const MOST_FORCED_BYTES = 512 * MIB;

export interface HeapSampler {
  /** Call it some times a second. */
  sample(): void;
  stop(): void;
}

/** @param limitMb WORKER_HEAP_MB */
export function startHeapSampler(
  row: Pick<WorkerRow, 'useHeap' | 'retainHeap'>,
  limitMb: number,
): HeapSampler {
  const limitBytes = limitMb === 0 ? Number.POSITIVE_INFINITY : limitMb * MIB;
  /** When the heap exceeded its limit since the last full collection, on the clock of `performance.now()`. */
  let overSince: number | undefined;
  const collected = (): void => {
    row.retainHeap(heapUsed());
    overSince = undefined;
  };
  const collections = new PerformanceObserver((list) => {
    if (list.getEntries().some(isFull)) collected();
  });
  collections.observe({ entryTypes: ['gc'] });
  return {
    sample() {
      const bytes = heapUsed();
      row.useHeap(bytes);
      if (bytes <= limitBytes) {
        overSince = undefined;
        return;
      }
      const now = performance.now();
      overSince ??= now;
      if (now - overSince < LATE_MS || bytes > MOST_FORCED_BYTES) return;
      collector()();
      collected();
    },
    stop: () => collections.disconnect(),
  };
}

const heapUsed = (): number => getHeapStatistics().used_heap_size;

/** Whether a garbage collection has covered the whole heap. */
const isFull = (entry: PerformanceEntry): boolean =>
  (entry as CollectionEntry).detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR;

/** An entry with the detail that the published types omit. */
type CollectionEntry = PerformanceEntry & { readonly detail?: NodeGCPerformanceDetail };

/**
 * Returns V8's function for one full collection. A context has it if the flag is set while the context is
 * made.
 */
function collector(): () => unknown {
  const { gc } = globalThis;
  if (gc !== undefined) return () => gc();
  setFlagsFromString('--expose-gc');
  try {
    return runInNewContext('gc') as () => unknown;
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}
