// What V8 gives the heap of a thread, and the default of WORKER_HEAP_MB that follows from it.
import { getHeapStatistics } from 'node:v8';
import type { MachineFacts } from './setting.js';

const MIB = 1024 * 1024;
/** Part of V8's limit for young objects: three semi-spaces of 16 MiB, and of 64 MiB since Node.js 24. */
const YOUNG_BYTES = (Number.parseInt(process.versions.v8, 10) < 13 ? 48 : 192) * MIB;

/** @param heapLimitBytes V8's limit for the whole heap of a thread (`heap_size_limit`) */
export const oldGenerationIn = (heapLimitBytes: number): number =>
  Math.max(heapLimitBytes - YOUNG_BYTES, heapLimitBytes / 4);

/**
 * V8's limit for the objects of a thread that have survived, in bytes: those that fill the heap when it
 * leaks. V8 sets the same limit for every thread, from the memory that the process may use or from
 * `--max-old-space-size`.
 */
export const oldGenerationLimit = (): number => oldGenerationIn(getHeapStatistics().heap_size_limit);

/** Of what V8 gives a thread: the other half is there while a leaking worker is replaced. */
const SHARE_OF_OLD = 1 / 2;
/** Of the memory, for the heaps of all workers: the rest is for buffers, the primary, and PostgreSQL. */
const SHARE_OF_MEMORY = 1 / 2;
/** A full collection of a heap this large takes long enough to be felt by every request of its worker. */
const MOST_MB = 1024;
/** Four times what a worker of the reference shop retains under load. */
const LEAST_MB = 96;

/**
 * The smallest of three bounds: half of what V8 gives a thread, the worker's part of half of the memory (at
 * least 96), and 1024.
 */
export function defaultWorkerHeapMb(
  machine: Pick<MachineFacts, 'memoryBytes' | 'oldGenerationBytes' | 'workers'>,
): number {
  const { memoryBytes, oldGenerationBytes, workers } = machine;
  const ofMemory = Math.max(LEAST_MB, (SHARE_OF_MEMORY * memoryBytes) / workers / MIB);
  const ofThread = (SHARE_OF_OLD * oldGenerationBytes) / MIB;
  return Math.max(1, Math.floor(Math.min(ofThread, ofMemory, MOST_MB)));
}
