// The limits of a worker's heap, as pure functions of numbers.

const MIB = 1024 * 1024;
/** Share of the old generation that may be retained before a worker leaves at once. */
const MOST_RETAINED = 0.75;
/** The highest share of the old generation that WORKER_HEAP_MB can set: a replacement needs time to start. */
const HIGHEST_SOFT = 0.65;

export interface HeapLimits {
  /** A worker that retains more is replaced in order. */
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
 * What a worker has to do.
 * @param retainedBytes what the last full garbage collection has left of its heap
 */
export function heapNeed(
  retainedBytes: number,
  { softBytes, mostRetainedBytes }: HeapLimits,
): 'nothing' | 'replace' | 'leave' {
  if (retainedBytes > mostRetainedBytes) return 'leave';
  return retainedBytes > softBytes ? 'replace' : 'nothing';
}
