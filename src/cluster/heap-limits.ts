// The rules for the limits of a worker's heap, as pure functions.

const MIB = 1024 * 1024;
/** A worker that retains a larger share of the old generation leaves at once. */
const MOST_RETAINED = 0.75;
/**
 * WORKER_HEAP_MB is limited to this share of the old generation, because a replacement needs time to start.
 */
const HIGHEST_SOFT = 0.65;

export interface HeapLimits {
  /** A worker that retains more is replaced, and serves until its successor does. */
  readonly softBytes: number;
  /** A worker that retains more leaves at once. */
  readonly mostRetainedBytes: number;
}

/**
 * @param limitMb WORKER_HEAP_MB, 0 for none
 * @param oldGenerationBytes V8's limit for the objects of one thread that have survived
 */
export function heapLimits(limitMb: number, oldGenerationBytes: number): HeapLimits | undefined {
  if (limitMb === 0) return undefined;
  return {
    softBytes: Math.min(limitMb * MIB, HIGHEST_SOFT * oldGenerationBytes),
    mostRetainedBytes: MOST_RETAINED * oldGenerationBytes,
  };
}

/**
 * Decides what happens to a worker.
 * @param retainedBytes what the last full garbage collection has left of its heap
 */
export function heapNeed(
  retainedBytes: number,
  { softBytes, mostRetainedBytes }: HeapLimits,
): 'nothing' | 'replace' | 'leave' {
  if (retainedBytes > mostRetainedBytes) return 'leave';
  return retainedBytes > softBytes ? 'replace' : 'nothing';
}
