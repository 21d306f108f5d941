// What a worker thread is started with, and what it reports to the supervisor.
import type { MessagePort } from 'node:worker_threads';
import type { EarlyThread } from './early-threads.js';
import { type FromWorker, LEAVE_REASONS, type WorkerBoot } from './messages.js';
import type { WorkerGroup } from './worker-group.js';

/** Why a worker that serves is replaced by plan. */
const REPLACE_REASONS = ['reload', 'heap'] as const;
export type ReplaceReason = (typeof REPLACE_REASONS)[number];
/** Why a thread has ended. Each is a reason of `multilane_worker_restarts_total`. */
export const END_REASONS = [...LEAVE_REASONS, ...REPLACE_REASONS, 'wedged', 'lost'] as const;
export type EndReason = (typeof END_REASONS)[number];

export interface ThreadOptions {
  readonly group: WorkerGroup;
  readonly boot: Omit<WorkerBoot, 'protocol' | 'cpuPort'>;
  /**
   * A thread of this worker that runs already.
   * @default a new one is started
   */
  readonly early?: EarlyThread | undefined;
  /** How long beyond its drain a thread that leaves may take, in milliseconds. */
  readonly overdueMs: number;
  /** Takes the primary's end of the CPU port. */
  attachCpu(port: MessagePort): void;
}

/** @typeParam WorkerThread see worker-thread.ts */
export interface ThreadEvents<WorkerThread> {
  /** Called for a valid message, after the state has changed by it. */
  received(thread: WorkerThread, message: FromWorker): void;
  failed(thread: WorkerThread, error: Error): void;
  /** `stall`, `resume` or `wedge` has changed the state. */
  stateChanged(thread: WorkerThread): void;
  /**
   * The thread was ordered to end and has not ended, although its loop runs. It may never end: code of a
   * service may keep the order from reaching the runtime in the thread.
   */
  overdue(thread: WorkerThread): void;
  /** No code of the thread can run any more. */
  ended(thread: WorkerThread): void;
}
