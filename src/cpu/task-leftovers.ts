// What CPU tasks leave behind: timers, listeners and promises that a task does not await. While the task
// runs, an uncaught exception of them fails it. Later it is only reported to the primary, which logs it: by
// then the thread may run a task of another caller, which must not be harmed. The time that they take then is
// measured (leftover-time.ts).
import { AsyncLocalStorage, executionAsyncResource } from 'node:async_hooks';
import { isMainThread, parentPort } from 'node:worker_threads';
import type { RunStatus } from '../memory/run-status.js';
import { watchListeners } from '../user-code/listen-watch.js';
import { readableError } from '../user-code/readable-error.js';
import type { Leftover, LeftoverUse } from './cpu-messages.js';
import { LeftoverTime } from './leftover-time.js';
import { OwnWork } from './own-work.js';

/** The run of a task. */
export interface WatchedTask {
  readonly task: string;
  /** Its number in the pool. */
  readonly mark: number;
  readonly traceparent: string | undefined;
}

interface TaskRun extends WatchedTask {
  /** Fails the task; undefined when it has ended. */
  fail: ((thrown: unknown) => void) | undefined;
  /** Only the load of its module runs. */
  readonly isLoad: boolean;
  /** Only the first exception of a task is reported: one of its timers may throw again and again. */
  hasReported: boolean;
}

const runs = new AsyncLocalStorage<TaskRun>();
/**
 * Stands for the run of callbacks whose task is not known, because they have no asynchronous context. Up to
 * Node.js 22 those of `queueMicrotask` have none.
 */
const unknownRun = {
  task: undefined,
  mark: undefined,
  traceparent: undefined,
  fail: undefined,
  isLoad: false,
  hasReported: false,
};

const work = new OwnWork();
const time = new LeftoverTime({
  owner() {
    const run = runs.getStore();
    const isOwn = work.isCalled(executionAsyncResource());
    return isOwn && run?.fail === undefined ? run?.mark : undefined;
  },
  report: (mark, ms) => parentPort?.postMessage({ type: 'leftover-use', mark, ms } satisfies LeftoverUse),
});

/** The number of the task whose leftovers take too much of this thread's time; undefined while none does. */
export const spoiler = (): number | undefined => time.spoiler;

/**
 * Installs the handlers of this thread, and begins to measure. Without the handlers, Node.js would end the
 * thread, and with it the task that runs next. Exceptions are caught before listeners of `uncaughtException`
 * that a tasks module may have get them: most of these end the process.
 */
export function catchLeftovers(): void {
  if (isMainThread) return;
  time.start();
  const caught = (thrown: unknown): void => {
    const run = runs.getStore() ?? unknownRun;
    if (run.fail === undefined) report(run, thrown);
    else run.fail(thrown);
  };
  process.setUncaughtExceptionCaptureCallback(caught);
  process.on('unhandledRejection', caught);
  watchListeners({ found: (listener) => post('listener', runs.getStore() ?? unknownRun, listener.report()) });
  const exit = process.exit.bind(process);
  const { reallyExit } = process as unknown as { readonly reallyExit: (code: number) => never };
  process.exit = (code) => {
    // Node.js itself calls it when the thread ends for a reason that cannot be caught. An exception would
    // abort the whole process then.
    if ((process as { readonly _exiting?: boolean })._exiting === true) return exit(code);
    const { fail, isLoad } = runs.getStore() ?? unknownRun;
    if (isLoad) throw new Error('the tasks module has called process.exit(); the load of a module must not');
    // A listener of `exit` may throw: the thread would live on, and Node.js would call none of its ticks.
    if (fail !== undefined) {
      try {
        return exit(code);
      } finally {
        reallyExit(Number(code ?? 0));
      }
    }
    throw new Error('a CPU task that had already ended has called process.exit()');
  };
}

/** Settles like the task, or rejects with an uncaught exception of the task that comes earlier. */
export async function runWatched(of: WatchedTask, status: RunStatus, call: () => unknown): Promise<unknown> {
  time.begin(status);
  const run: TaskRun = { ...of, fail: undefined, isLoad: false, hasReported: false };
  try {
    return await new Promise((resolve, reject) => {
      run.fail = reject;
      // The promise is not made by `resolve(call())`: after that, `reject` would have no effect.
      runs.run(run, async () => call()).then(resolve, reject);
    });
  } finally {
    run.fail = undefined;
  }
}

/**
 * Settles like the load of the module of the task that runs. Uncaught exceptions on the way are reported, as
 * those of an ended task are. They are no reason that the module cannot be loaded: it would fail in every
 * thread.
 */
export async function watchLoad<T>(load: () => Promise<T>): Promise<T> {
  const run: TaskRun = {
    ...runs.getStore()!,
    fail: (thrown) => report(run, thrown),
    isLoad: true,
    hasReported: false,
  };
  try {
    return await runs.run(run, load);
  } finally {
    run.fail = undefined;
  }
}

type Reporting = Pick<TaskRun, 'isLoad' | 'hasReported'> & Pick<Leftover, 'task' | 'mark' | 'traceparent'>;

function report(run: Reporting, thrown: unknown): void {
  // Those of unknown runs are many runs.
  if (run.hasReported && run !== unknownRun) return;
  run.hasReported = true;
  const readable = readableError(thrown);
  const { message, stack } = readable instanceof Error ? readable : { message: readable, stack: undefined };
  post(run.isLoad ? 'load' : 'task', run, message, stack);
}

function post(of: Leftover['of'], run: Reporting, message: string, stack?: string): void {
  const { task, mark, traceparent } = run;
  const leftover: Leftover = { type: 'leftover', of, task, mark, traceparent, message, stack };
  parentPort?.postMessage(leftover);
}
