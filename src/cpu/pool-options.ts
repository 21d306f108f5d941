// The options of the CPU pool, and what it reports about itself.
import type { Logger } from 'pino';
import type { TaskOutcome, ThreadEnd } from './pool-task.js';

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
   * MiB of JavaScript heap of each thread. A task that needs more fails, and its thread is replaced
   * (cpu-heap-watch.ts).
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
  /** @param task undefined when the module exports no task of this name */
  ended(service: string, task: string | undefined, outcome: TaskOutcome, ranMs: number): void;
  threadEnded(reason: ThreadEnd): void;
}

/**
 * Why tasks are rejected when the queue is full. `queue`: all tasks in it are of one caller. `route_share`:
 * tasks of other callers of the service wait as well, and this caller has the most. `service_share`: tasks of
 * other services wait as well, and this service has the most.
 */
export const CPU_REFUSALS = ['queue', 'route_share', 'service_share'] as const;
export type CpuRefusal = (typeof CPU_REFUSALS)[number];
