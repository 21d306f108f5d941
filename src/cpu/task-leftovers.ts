// What a task of the CPU pool does beside its promise: timers, listeners and promises that nothing awaits. An
// exception in them that nothing catches fails the task while it runs. Later it is reported to the primary,
// which logs it: by then the thread may run a task of another caller, and that one goes on.
import { AsyncLocalStorage } from 'node:async_hooks';
import { isMainThread, parentPort } from 'node:worker_threads';
import { readableError } from '../user-code/readable-error.js';
import type { Leftover } from './cpu-messages.js';

interface TaskRun {
  readonly task: string | undefined;
  /** Fails the task; undefined when it has ended. */
  fail: ((thrown: unknown) => void) | undefined;
  /** One exception of each task is reported: a timer of it may throw without end. */
  hasReported: boolean;
}

const runs = new AsyncLocalStorage<TaskRun>();
/** Up to Node.js 22 a callback of `queueMicrotask` has no context. */
const unknown: TaskRun = { task: undefined, fail: undefined, hasReported: false };

/**
 * Catches, in this thread, what tasks leave uncaught: Node.js would end the thread and with it the next
 * task.
 */
export function catchLeftovers(): void {
  if (isMainThread) return;
  const caught = (thrown: unknown): void => {
    const run = runs.getStore() ?? unknown;
    if (run.fail === undefined) report(run, thrown);
    else run.fail(thrown);
  };
  process.on('uncaughtException', caught);
  process.on('unhandledRejection', caught);
}

/** Settles as the task does, or rejects with what it has left uncaught before it settled. */
export async function runWatched(task: string, call: () => unknown): Promise<unknown> {
  const run: TaskRun = { task, fail: undefined, hasReported: false };
  try {
    return await new Promise((resolve, reject) => {
      run.fail = reject;
      // Not resolved with the task's own promise: that could not be rejected any more.
      runs.run(run, async () => call()).then(resolve, reject);
    });
  } finally {
    run.fail = undefined;
  }
}

function report(run: TaskRun, thrown: unknown): void {
  if (run.hasReported) return;
  run.hasReported = true;
  const readable = readableError(thrown);
  const { message, stack } = readable instanceof Error ? readable : { message: readable, stack: undefined };
  parentPort?.postMessage({ type: 'leftover', task: run.task, message, stack } satisfies Leftover);
}
