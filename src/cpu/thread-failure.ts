// The errors of tasks whose thread has ended or could not start.
import type { Logger } from 'pino';
import { canOpen, OutOfFilesError } from '../open-files.js';
import { logFieldsOf, type Task, type ThreadEnd } from './pool-task.js';
import {
  OutOfHeapError,
  PoolNotLoadedError,
  ThreadBusyError,
  ThreadRefusedError,
  UnstartedError,
} from './run-failures.js';

/** A thread that starts opens at most this many files at the same time. */
const FILES_PER_START = 64;

export interface ThreadFailure {
  readonly error: Error;
  readonly end: ThreadEnd;
  /** Whether the task had a thread, which has ended. */
  readonly hadThread: boolean;
}

/**
 * Makes the error of a task whose thread has ended, and logs it, unless the pool has ended the thread because
 * the caller does not wait any more.
 */
export function threadFailure(task: Task, thrown: unknown, log: Logger): ThreadFailure {
  const { task: name } = task.request;
  const hasNotRun = [OutOfFilesError, ThreadRefusedError, ThreadBusyError].some(
    (one) => thrown instanceof one,
  );
  if (hasNotRun) return { error: thrown as Error, end: 'crash', hadThread: false };
  if (thrown instanceof UnstartedError)
    return { error: unstartedFailure(name, thrown.cause), end: 'crash', hadThread: false };
  if (thrown instanceof PoolNotLoadedError) {
    log.error({ err: thrown.cause, ...logFieldsOf(task) }, 'the pool of CPU threads could not be loaded');
    return { error: thrown, end: 'crash', hadThread: false };
  }
  const end = thrown instanceof OutOfHeapError ? 'out_of_memory' : 'crash';
  // The pool has ended the thread, or the thread has died: out of memory, process.exit().
  const message = endMessage(task, end);
  if (task.dropped === undefined) log.error({ err: thrown, ...logFieldsOf(task) }, message);
  return { error: new Error(message, { cause: thrown }), end, hadThread: true };
}

function endMessage({ request: { task: name }, status, heldUpBy }: Task, end: ThreadEnd): string {
  const isFull = end === 'out_of_memory';
  if (heldUpBy !== undefined)
    return `the thread of CPU task ${name} ${isFull ? 'ran out of memory' : 'ended'}: by what CPU task ${heldUpBy.task} had left behind in it when it ended`;
  if (status.isLoading)
    return `the thread of CPU task ${name} ${isFull ? 'ran out of memory' : 'ended'} while it loaded the tasks module`;
  return isFull
    ? `CPU task ${name} ran out of memory: the heap of its thread was too large; divide its work, or raise WORKER_HEAP_MB`
    : `the thread of CPU task ${name} ended`;
}

/** The error of a task whose thread cannot start. */
const unstartedFailure = (task: string, cause: unknown): Error =>
  canOpen(FILES_PER_START)
    ? new Error(`the thread of CPU task ${task} could not start`, { cause })
    : new OutOfFilesError(cause);

/** Logs that the pool ends the thread of a task. */
export function logThreadEnd(log: Logger, task: Task): void {
  const { task: name } = task.request;
  const { heldUpBy } = task;
  let message = `CPU task ${name} continues after its deadline or without its caller; ending its thread`;
  if (heldUpBy !== undefined)
    message = `CPU task ${heldUpBy.task} had ended, and what it has left behind keeps the thread of CPU task ${name}; ending the thread`;
  else if (task.status.isLoading)
    message = `the tasks module of CPU task ${name} is still being loaded after the deadline or without the caller of the task, which was not called; ending the thread`;
  else if (task.status.threadId === undefined)
    message = `CPU task ${name} was given to a thread that has not begun it in time; ending the thread`;
  log.warn(logFieldsOf(task), message);
}
