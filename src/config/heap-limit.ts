// V8's limit for the heap of a thread, and the default of WORKER_HEAP_MB that follows from it.
import { getHeapStatistics } from 'node:v8';
import type { MachineFacts } from './setting.js';

const MIB = 1024 * 1024;
/** The part of V8's limit for young objects: three semi-spaces of 16 MiB, or of 64 MiB since Node.js 24. */
const YOUNG_BYTES = (Number.parseInt(process.versions.v8, 10) < 13 ? 48 : 192) * MIB;

/** @param heapLimitBytes V8's limit for the whole heap of a thread (`heap_size_limit`) */
export const oldGenerationIn = (heapLimitBytes: number): number =>
  Math.max(heapLimitBytes - YOUNG_BYTES, heapLimitBytes / 4);

/**
 * V8's limit, in bytes, for the old objects of a thread, which fill the heap when there is a leak. V8 sets
 * the same limit for every thread, from the memory that the process may use or from `--max-old-space-size`.
 */
export const oldGenerationLimit = (): number => oldGenerationIn(getHeapStatistics().heap_size_limit);

/** Share of V8's limit for a thread. The other half is a reserve while a leaking worker is replaced. */
const SHARE_OF_OLD = 1 / 2;
/** Share of the memory for the heaps of all workers. The rest is for buffers, the primary and PostgreSQL. */
const SHARE_OF_MEMORY = 1 / 2;
/**
 * The largest default: a full collection of a larger heap would delay all requests of its worker noticeably.
 */
const MOST_MB = 1024;
/** The smallest default: four times the heap that a worker of the reference shop retains under load. */
const LEAST_MB = 96;

/**
 * The default: the smallest of half of V8's limit for a thread, the worker's part of half of the memory (at
 * least 96 MiB), and 1024 MiB. Workers of gRPC are counted where they may run.
 */
export function defaultWorkerHeapMb(
  machine: Pick<
    MachineFacts,
    'memoryBytes' | 'oldGenerationBytes' | 'workers' | 'grpcWorkers' | 'mayServeGrpc'
  >,
): number {
  const { memoryBytes, oldGenerationBytes, workers, grpcWorkers = 1, mayServeGrpc = true } = machine;
  const threads = workers + (mayServeGrpc ? grpcWorkers : 0);
  const ofMemory = Math.max(LEAST_MB, (SHARE_OF_MEMORY * memoryBytes) / threads / MIB);
  const ofThread = (SHARE_OF_OLD * oldGenerationBytes) / MIB;
  return Math.max(1, Math.floor(Math.min(ofThread, ofMemory, MOST_MB)));
}
