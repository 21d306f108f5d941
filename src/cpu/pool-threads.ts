// The threads of the CPU pool: one Piscina, in which every thread runs one task.
//
// Piscina (5.3.2) has two properties that would harm tasks. Tasks that can be aborted wait in a list that
// `maxQueue` does not count, and when one of two tasks that share a thread is aborted, the other one ends as
// well (piscinajs/piscina#934). So tasks are queued outside of Piscina (task-pool.ts), and Piscina never
// holds more tasks than it has threads. Ending a thread then harms no task but its own.
import { createRequire } from 'node:module';
import type { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { Piscina } from 'piscina';
import { HttpError, UnavailableError } from '../errors.js';
import { lazyModule } from '../lazy-module.js';
import type { RunStatus } from '../memory/run-status.js';
import { isOutOfFiles, OutOfFilesError } from '../open-files.js';
import { HeapWatch } from './cpu-heap-watch.js';
import {
  type LeftoverUse,
  readLeftoverUse,
  readTaskResult,
  type TaskOrder,
  type TaskResult,
  transfersOf,
} from './cpu-messages.js';
import { type EndingThread, EndingThreads } from './ending-threads.js';
import { LeftoverLog } from './leftover-log.js';
import type { TaskMarks } from './task-marks.js';
import { checkPort } from './thread-port.js';
import { ThreadRun } from './thread-run.js';

const require = createRequire(import.meta.url);
/** Loaded with the first task, because most processes never run one. */
const loadPiscina = lazyModule(() => require('piscina') as typeof import('piscina'));

/**
 * Piscina could not be loaded: the reason is the cause. No task has run. A later task tries again, which may
 * be in vain until a restart: Node.js remembers that a package was not there.
 */
export class PoolNotLoadedError extends HttpError {
  constructor(cause: unknown) {
    super('INTERNAL', 'The pool of CPU threads could not be loaded.', { cause });
  }
}

type Pool = Piscina<TaskOrder, TaskResult>;

/** What a thread is to do. */
export type RunOrder = Omit<TaskOrder, 'status' | 'heapMb'>;

/** The thread has ended because its heap was too large. */
export class OutOfHeapError extends Error {
  constructor(cause: unknown) {
    super('the heap of the thread was too large', { cause });
  }
}

/** The system has refused a thread. The task has not run. */
export class ThreadRefusedError extends UnavailableError {
  constructor(cause: unknown) {
    super(
      'OVERLOADED',
      'The system has no thread for a CPU task: its limit of threads is reached.',
      1,
      cause,
    );
  }
}

/** The thread of a task could not start: the cause says why. The task has not run. */
export class UnstartedError extends Error {
  constructor(cause: unknown) {
    super('the thread could not start', { cause });
  }
}

const codeOf = (thrown: unknown): unknown =>
  thrown instanceof Error ? (thrown as NodeJS.ErrnoException).code : undefined;
const isOutOfMemory = (thrown: unknown): boolean => codeOf(thrown) === 'ERR_WORKER_OUT_OF_MEMORY';

const IDLE_MS = 60_000;
/**
 * How many threads that cannot be ended, because they are in native code, are replaced by new ones: this
 * number for each thread of the pool. While there are more, the pool runs one task less for each further one.
 */
const REPLACED_PER_THREAD = 3;
/** How long `close` waits for threads that were ordered to end. */
const END_MS = 500;

export interface PoolThreadsOptions {
  /** The first limit (CPU_THREADS). Threads start with the first tasks and end after a minute without any. */
  readonly threads: number;
  /** Module of the threads: `workers/task.js`. */
  readonly entry: URL;
  /**
   * MiB of JavaScript heap that a task may use, and that a thread may keep between tasks (cpu-heap-watch.ts);
   * 0: any.
   */
  readonly heapMb: number;
  /** V8's limit in MiB for the old objects of a thread; undefined: as of all threads. */
  readonly v8HeapMb: number | undefined;
  readonly log: Logger;
  /** A thread that was ordered to end has ended: there may be room for a task. */
  readonly threadEnded: () => void;
  readonly marks: Pick<TaskMarks, 'task'>;
  /** What a task has left behind has used a thread. */
  readonly leftoverUsed: (use: LeftoverUse) => void;
}

function piscinaModule(): typeof import('piscina') {
  try {
    return loadPiscina();
  } catch (error) {
    throw isOutOfFiles(error) ? new OutOfFilesError(error) : new PoolNotLoadedError(error);
  }
}

export class PoolThreads {
  readonly #options: PoolThreadsOptions;
  readonly #ending: EndingThreads;
  #limit: number;
  #heapWatch: HeapWatch<ThreadRun> | undefined;
  /** The runs that have not ended, with what resolves their results. */
  readonly #runs = new Map<ThreadRun, (result: unknown) => void>();
  /** Undefined before the first task, and before the first one after `renew`. */
  #piscina: Pool | undefined;
  /** Pools that get no more tasks, with the number of those that they still run. */
  readonly #former = new Map<Pool, number>();

  constructor(options: PoolThreadsOptions) {
    this.#options = options;
    this.#limit = options.threads;
    this.#ending = new EndingThreads(options.log, options.threadEnded);
  }

  /** Threads that were ordered to end and still run: they are in native code, which cannot be interrupted. */
  get unfinished(): readonly EndingThread[] {
    return this.#ending.all;
  }

  /** The most threads that run tasks. */
  get limit(): number {
    return this.#limit;
  }

  /** Threads that are there now, with a task or without; those that were ordered to end are not counted. */
  get size(): number {
    return this.#threads.length;
  }

  get #threads(): Worker[] {
    const current = this.#piscina === undefined ? [] : [this.#piscina];
    return [...current, ...this.#former.keys()].flatMap(({ threads }) => threads);
  }

  /**
   * The code of tasks may have changed: tasks from now on run in threads that load it anew. The threads that
   * are there end with what they run.
   */
  renew(): void {
    const former = this.#piscina;
    if (former === undefined) return;
    this.#piscina = undefined;
    this.#former.set(former, [...this.#runs.keys()].filter(({ pool }) => pool === former).length);
    this.#endIdle(former);
  }

  /** A former pool ends with its last task. */
  #endIdle(pool: Pool): void {
    if (this.#former.get(pool) !== 0) return;
    this.#followEnd(undefined, () => void pool.destroy());
    this.#former.delete(pool);
  }

  /** Changes the limit. Running tasks continue; threads beyond the limit end when they have been idle. */
  resize(limit: number): void {
    this.#limit = limit;
    // Piscina reads the limit whenever it might start a thread.
    if (this.#piscina !== undefined) this.#piscina.options.maxThreads = limit;
  }

  /** Whether there is a thread for one more task. */
  hasRoomBeside(runningTasks: number): boolean {
    const surplus = this.#ending.size - this.#limit * REPLACED_PER_THREAD;
    return runningTasks < this.#limit - Math.max(0, surplus);
  }

  /**
   * Runs a task. The buffer of its input is moved to the thread.
   * @param status the thread writes it
   * @param controller aborting it ends the thread that runs the task
   * @returns what the thread has returned: not checked, since code of a service runs there
   * @throws PoolNotLoadedError, or OutOfFilesError when that is the reason; ThreadRefusedError;
   *   UnstartedError; OutOfHeapError
   */
  async run(run: RunOrder, status: RunStatus, controller: AbortController): Promise<unknown> {
    this.#piscina ??= this.#create();
    const piscina = this.#piscina;
    const threadRun = new ThreadRun({ task: run.task, status, controller, pool: piscina });
    const order = { ...run, status: status.shared, heapMb: this.#options.heapMb };
    const { signal } = controller;
    try {
      return await new Promise((resolve, reject) => {
        this.#runs.set(threadRun, resolve);
        piscina.run(order, { signal, transferList: transfersOf(order) }).then(resolve, reject);
      });
    } catch (error) {
      throw reasonOf(threadRun, error);
    } finally {
      this.#runs.delete(threadRun);
      const left = this.#former.get(piscina);
      if (left !== undefined) {
        this.#former.set(piscina, left - 1);
        this.#endIdle(piscina);
      }
    }
  }

  /**
   * @param abort aborts the signal of the task
   * @returns whether a thread had the task, which ends now
   */
  endThreadOf(task: string, abort: () => void): boolean {
    return this.#followEnd(task, abort);
  }

  /** Ends all threads. Those that do not end in half a second are left in `unfinished`. */
  async close(): Promise<void> {
    this.#heapWatch?.stop();
    // The promise that `destroy` returns resolves when all threads have ended, which may be never.
    const pools = [this.#piscina, ...this.#former.keys()];
    this.#followEnd(undefined, () => {
      for (const pool of pools) void pool?.destroy();
    });
    await this.#ending.settled(END_MS);
  }

  #create(): Pool {
    const { entry, v8HeapMb, log, leftoverUsed } = this.#options;
    const { Piscina } = piscinaModule();
    const piscina = new Piscina<TaskOrder, TaskResult>({
      filename: entry.href,
      name: 'runTask',
      minThreads: 0,
      maxThreads: this.#limit,
      idleTimeout: IDLE_MS,
      concurrentTasksPerWorker: 1,
      recordTiming: false,
      ...(v8HeapMb !== undefined && { resourceLimits: { maxOldGenerationSizeMb: v8HeapMb } }),
    });
    // A thread has died between tasks, or cannot start.
    piscina.on('error', (error: unknown) => {
      log.error({ err: error }, 'a CPU thread ended by itself');
      this.#failUnstarted(piscina, error);
    });
    const leftovers = new LeftoverLog(log);
    piscina.on('message', (data: unknown) => {
      const use = readLeftoverUse(data);
      if (use === undefined) leftovers.add(data);
      else leftoverUsed(use);
    });
    piscina.on('workerCreate', (created: object) =>
      checkPort(created, (thread, result) => this.#endAfter(thread, result)),
    );
    this.#watchHeaps();
    return piscina;
  }

  /**
   * Fails the tasks for which Piscina has no thread and starts none: it would keep them until another task
   * comes, which may be never.
   */
  #failUnstarted(pool: Pool, cause: unknown): void {
    for (const run of [...this.#runs.keys()].toReversed()) {
      if (pool.queueSize === 0) return;
      if (run.pool !== pool || !run.cancel()) continue;
      run.startFailure = cause;
      run.endThread();
    }
  }

  /**
   * Ends a thread that has run its last task, before Piscina knows that the task has ended: so Piscina gives
   * it no other task.
   * @returns whether the thread is ended
   */
  #endAfter(thread: Worker, result: unknown): boolean {
    const last = readTaskResult(result)?.last;
    if (last === undefined) return false;
    for (const [run, resolve] of this.#runs) {
      if (run.thread !== thread) continue;
      const cpuThread = thread.threadId;
      const { heapMb, log, marks } = this.#options;
      const task = last.because === 'heap' ? run.task : marks.task(last.mark)?.task;
      const why =
        last.because === 'heap'
          ? `has left more than ${heapMb} MiB in the heap of CPU thread ${cpuThread}`
          : `had ended and still takes time of CPU thread ${cpuThread}, by timers or promises that it does not await`;
      log.warn({ cpuThread, task }, `CPU task ${task} ${why}; replacing the thread`);
      resolve(result);
      this.#followEnd(run.task, () => run.endThread());
      return true;
    }
    return false;
  }

  #watchHeaps(): void {
    const { heapMb } = this.#options;
    if (heapMb === 0 || this.#heapWatch !== undefined) return;
    this.#heapWatch = new HeapWatch<ThreadRun>({
      heapMb,
      runs: () => this.#runs.keys(),
      exceeded: (run) => {
        run.isOutOfHeap = true;
        this.#followEnd(run.task, () => run.endThread());
      },
    });
  }

  /**
   * Piscina forgets the threads that it ends, so they are followed here until they have ended.
   * @returns whether there are any
   */
  #followEnd(task: string | undefined, end: () => void): boolean {
    const before = this.#threads;
    end();
    const kept = new Set(this.#threads);
    const ending = before.filter((thread) => !kept.has(thread));
    for (const thread of ending) this.#ending.add(thread, task);
    return ending.length > 0;
  }
}

/** What the failure of a run means. */
function reasonOf(run: ThreadRun, error: unknown): unknown {
  if (run.isOutOfHeap || isOutOfMemory(error)) return new OutOfHeapError(error);
  if (run.startFailure !== undefined) return new UnstartedError(run.startFailure);
  if (codeOf(error) !== 'ERR_WORKER_INIT_FAILED' || !run.cancel()) return error;
  // Piscina would keep the task, and run it when it has a thread.
  run.endThread();
  return new ThreadRefusedError(error);
}
