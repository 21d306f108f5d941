// The options of the CPU pool, and what it reports about itself.
import type { Logger } from 'pino';
import type { THREAD_ENDS, TimeUse } from './pool-task.js';

export interface TaskPoolOptions {
  /** CPU_THREADS. Threads start with the first tasks and end after a minute without any. */
  readonly threads: number;
  /** Module of the threads: `workers/task.js`. */
  readonly entry: URL;
  /**
   * The number of tasks of all callers together that may wait. When one more arrives, either that one or a
   * waiting one of the caller with the most is rejected with 503 CPU_QUEUE_FULL (fair-queue.ts).
   * @default 64 for each thread
   */
  readonly maxQueue?: number;
  /**
   * How long a task without a caller may continue before its thread is ended. A new thread costs more than
   * most tasks have left to do, so clients that leave must not be able to end one each.
   * @default 250 ms
   */
  readonly graceMs?: number;
  /**
   * MiB of JavaScript heap. A task that needs more for certain fails, and a thread that keeps more between
   * two tasks is replaced (cpu-heap-watch.ts).
   * @default 0: only V8's limit holds
   */
  readonly heapMb?: number;
  /**
   * V8's limit in MiB for the old objects of a thread.
   * @default that of all threads, a quarter of the memory or `--max-old-space-size`
   */
  readonly v8HeapMb?: number;
  /** Gets the measurements. @default none */
  readonly observer?: TaskObserver;
  readonly log: Logger;
}

/** What is measured of tasks and threads. */
export interface TaskObserver {
  /** A task of the service has got a thread. */
  waited(service: string, waitMs: number): void;
  /** @param task undefined when the module is not known to export a task of this name */
  used(service: string, task: string | undefined, use: TimeUse, ms: number): void;
  threadEnded(reason: (typeof THREAD_ENDS)[number]): void;
}

/**
 * Why a task is rejected when the queue is full. `service_share`: tasks of other services wait, and its
 * service has the most. `route_share`: no other service waits, but other callers of the service, and its
 * caller has the most. `queue`: all tasks in the queue are of its caller.
 */
export const CPU_REFUSALS = ['queue', 'route_share', 'service_share'] as const;
export type CpuRefusal = (typeof CPU_REFUSALS)[number];

/** The queue as far as it tells why it has no room for an entry. */
interface Sharing<E> {
  hasOtherService(entry: E): boolean;
  hasOtherCaller(entry: E): boolean;
}

export function refusalOf<E>(queue: Sharing<E>, refused: E): CpuRefusal {
  if (queue.hasOtherService(refused)) return 'service_share';
  return queue.hasOtherCaller(refused) ? 'route_share' : 'queue';
}
