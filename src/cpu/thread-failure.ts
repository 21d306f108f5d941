// The errors of tasks whose thread has ended or could not start.
import type { Logger } from 'pino';
import { canOpen, OutOfFilesError } from '../open-files.js';
import { logFieldsOf, type Task, type ThreadEnd } from './pool-task.js';
import { PoolNotLoadedError } from './pool-threads.js';

/** A thread that starts opens at most this many files at the same time. */
const FILES_PER_START = 64;

export interface ThreadFailure {
  readonly error: Error;
  readonly end: ThreadEnd;
}

/**
 * Makes the error of a task whose thread has ended, and logs it, unless the pool has ended the thread because
 * the caller does not wait any more.
 * @param heapMb the limit of the heap of a thread; 0: that of V8
 */
export function threadFailure(task: Task, thrown: unknown, heapMb: number, log: Logger): ThreadFailure {
  const { task: name } = task.request;
  if (thrown instanceof OutOfFilesError) return { error: thrown, end: 'crash' };
  if (thrown instanceof PoolNotLoadedError) {
    log.error({ err: thrown.cause, ...logFieldsOf(task) }, 'the pool of CPU threads could not be loaded');
    return { error: thrown, end: 'crash' };
  }
  const end = isOutOfMemory(thrown) ? 'out_of_memory' : 'crash';
  // The pool has ended the thread, or the thread has died: out of memory, process.exit().
  const message =
    end === 'out_of_memory'
      ? `CPU task ${name} ran out of memory: its thread has a heap of ${heapMb > 0 ? `${heapMb} MiB` : 'the default size'}`
      : `the thread of CPU task ${name} ended`;
  if (task.dropped === undefined) log.error({ err: thrown, ...logFieldsOf(task) }, message);
  return { error: new Error(message, { cause: thrown }), end };
}

/** The error of a task whose thread cannot start. */
export const unstartedFailure = (task: string, cause: unknown): Error =>
  canOpen(FILES_PER_START)
    ? new Error(`the thread of CPU task ${task} could not start`, { cause })
    : new OutOfFilesError(cause);

const isOutOfMemory = (thrown: unknown): boolean =>
  thrown instanceof Error && (thrown as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY';
