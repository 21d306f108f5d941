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
import { Allowance } from '../allowance.js';
import { lazyModule } from '../lazy-module.js';
import type { RunStatus } from '../memory/run-status.js';
import { isOutOfFiles, OutOfFilesError } from '../open-files.js';
import { HeapWatch } from './cpu-heap-watch.js';
import {
  type LastRun,
  type LeftoverUse,
  readLeftoverUse,
  readTaskResult,
  type TaskOrder,
  type TaskResult,
  transfersOf,
} from './cpu-messages.js';
import { type EndingThread, EndingThreads } from './ending-threads.js';
import { LeftoverLog } from './leftover-log.js';
import { LoadFailures } from './load-failures.js';
import { logFieldsOf, type Task, type TaskFields } from './pool-task.js';
import { PoolNotLoadedError, reasonOf, ThreadBusyError } from './run-failures.js';
import { unpackFailure } from './task-failure.js';
import type { TaskMarks } from './task-marks.js';
import { checkPort, type ThreadMessage } from './thread-port.js';
import { ThreadRun } from './thread-run.js';

const require = createRequire(import.meta.url);
/** Loaded with the first task, because most processes never run one. */
const loadPiscina = lazyModule(() => require('piscina') as typeof import('piscina'));

type Pool = Piscina<TaskOrder, TaskResult>;

/** What a thread is to do. */
type RunnableTask = Pick<Task, 'request' | 'status' | 'controller'>;
export type RunOrder = Omit<TaskOrder, 'status' | 'heapMb'>;

const IDLE_MS = 60_000;
/** A thread that waits for a task begins it within this time, unless what one has left behind keeps it. */
const BEGIN_MS = 2_000;
/**
 * How many threads that cannot be ended, because they are in native code, are replaced by new ones: this
 * number for each thread of the pool. While there are more, the pool runs one task less for each further one.
 */
const REPLACED_PER_THREAD = 3;
/**
 * V8's limit for the young objects of a thread, the default before Node.js 24. With the default of Node.js 24
 * a single collection can make more objects old than fit behind the limit for old ones, and that ends the
 * process in place of the thread.
 */
const YOUNG_MB = 48;
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
  /**
   * A thread was ended because what a task had left behind kept it.
   * @param mark the task, if it is known @param ms how long it was kept
   */
  readonly kept: (mark: number | undefined, ms: number) => void;
  /** What a task has left behind has used a thread. */
  readonly leftoverUsed: (use: LeftoverUse) => void;
  /** A thread was ended because it could not load the module of a task. */
  readonly notLoaded: (mark: number) => void;
}

function piscinaModule(): typeof import('piscina') {
  try {
    return loadPiscina();
  } catch (error) {
    throw isOutOfFiles(error) ? new OutOfFilesError(error) : new PoolNotLoadedError(error);
  }
}

export interface EndedThread {
  /** The task whose leftovers kept the thread after its last run, by its number. */
  readonly keptBy: number | undefined;
}

interface Settling {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class PoolThreads {
  readonly #options: PoolThreadsOptions;
  readonly #ending: EndingThreads;
  readonly #loadFailures = new LoadFailures();
  #limit: number;
  #heapWatch: HeapWatch<ThreadRun> | undefined;
  /** The runs that have not ended, with what settles them. */
  readonly #runs = new Map<ThreadRun, Settling>();
  /** The last run of each thread. */
  readonly #last = new WeakMap<Worker, RunStatus>();
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
   * are there end with what they run, or within a minute.
   */
  renew(): void {
    const former = this.#piscina;
    if (former === undefined) return;
    this.#piscina = undefined;
    // Its threads end when they become idle. Those that are idle now end after IDLE_MS at the latest.
    former.options.idleTimeout = 0;
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
   * @param task the thread writes its status; aborting its controller ends the thread
   * @returns what the thread has returned: not checked, since code of a service runs there
   * @throws PoolNotLoadedError, or OutOfFilesError when that is the reason; ThreadRefusedError;
   *   ThreadBusyError; UnstartedError; OutOfHeapError
   */
  async run(run: RunOrder, task: RunnableTask): Promise<unknown> {
    const { status, controller } = task;
    this.#piscina ??= this.#create();
    const piscina = this.#piscina;
    const threadRun = new ThreadRun({ fields: logFieldsOf(task), status, controller, pool: piscina });
    const order = { ...run, status: status.shared, heapMb: this.#options.heapMb };
    const { signal } = controller;
    const allowance = piscina.idleThreads > 0 ? this.#expectBegin(threadRun) : undefined;
    try {
      return await new Promise((resolve, reject) => {
        this.#runs.set(threadRun, { resolve, reject });
        piscina.run(order, { signal, transferList: transfersOf(order) }).then(resolve, reject);
      });
    } catch (error) {
      const reason = reasonOf(threadRun, error);
      if (reason instanceof ThreadBusyError && reason.cause !== undefined)
        this.#options.log.error(
          { err: error, ...threadRun.fields },
          `CPU task ${threadRun.fields.task} could not begin: what an earlier task has left behind has ended the thread`,
        );
      throw reason;
    } finally {
      allowance?.cancel();
      this.#runs.delete(threadRun);
      if (status.hasEntered && status.loadMs > 0) this.#loadFailures.loaded(run.module);
      const { thread } = threadRun;
      if (thread !== undefined) this.#last.set(thread, status);
      const left = this.#former.get(piscina);
      if (left !== undefined) {
        this.#former.set(piscina, left - 1);
        this.#endIdle(piscina);
      }
    }
  }

  /** Takes a task back from a thread that does not begin it, and replaces the thread. */
  #expectBegin(run: ThreadRun): Allowance {
    return new Allowance(BEGIN_MS, () => {
      if (!this.#runs.has(run) || !run.cancel()) return;
      run.startFailure = new ThreadBusyError();
      const [thread] = this.#followEnd(run.fields, () => run.endThread());
      if (thread !== undefined) this.#kept(thread, run.fields);
    });
  }

  #kept(thread: Worker, waiting: TaskFields): void {
    const { log, marks, kept } = this.#options;
    const mark = this.#last.get(thread)?.lastHeldUpBy;
    const task = marks.task(mark)?.task;
    const what = task === undefined ? 'an earlier task' : `CPU task ${task}`;
    log.warn(
      waiting,
      `CPU task ${waiting.task} could not begin: what ${what} has left behind keeps the thread; ending the thread`,
    );
    kept(mark, BEGIN_MS);
  }

  /**
   * @param fields of the task @param abort aborts its signal
   * @returns the thread that had the task, which ends now; undefined when none had it
   */
  endThreadOf(fields: TaskFields, abort: () => void): EndedThread | undefined {
    const [thread] = this.#followEnd(fields, abort);
    return thread === undefined ? undefined : { keptBy: this.#last.get(thread)?.lastHeldUpBy };
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
    const { entry, v8HeapMb, log, marks, leftoverUsed } = this.#options;
    const { Piscina } = piscinaModule();
    const piscina = new Piscina<TaskOrder, TaskResult>({
      filename: entry.href,
      name: 'runTask',
      minThreads: 0,
      maxThreads: this.#limit,
      idleTimeout: IDLE_MS,
      concurrentTasksPerWorker: 1,
      atomics: 'disabled',
      recordTiming: false,
      resourceLimits: {
        maxYoungGenerationSizeMb: YOUNG_MB,
        ...(v8HeapMb !== undefined && { maxOldGenerationSizeMb: v8HeapMb }),
      },
    });
    // A thread has died between tasks, or cannot start.
    piscina.on('error', (error: unknown) => {
      log.error({ err: error }, 'a CPU thread ended by itself');
      this.#failUnstarted(piscina, error);
    });
    const leftovers = new LeftoverLog(log, marks);
    piscina.on('message', (data: unknown) => {
      const use = readLeftoverUse(data);
      if (use === undefined) leftovers.add(data);
      else leftoverUsed(use);
    });
    piscina.on('workerCreate', (created: object) =>
      checkPort(created, (signal, end) => this.#endAfter(signal, end)),
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
   * it no other task. It is also the last one of a thread that fails where none of the task's code runs, or
   * returns no result: something in the thread has changed what all code needs.
   * @param signal that of the task
   * @returns whether the thread is ended
   */
  #endAfter(signal: unknown, { result: returned, error }: ThreadMessage): boolean {
    const result = readTaskResult(returned);
    const hasFailed = error !== null && error !== undefined;
    for (const [run, { resolve, reject }] of this.#runs) {
      if (run.signal !== signal) continue;
      const isBroken = hasFailed || (result === undefined && !run.isCancelled);
      if (result?.last === undefined && !isBroken) return false;
      if (result?.last?.because === 'load' && !this.#loadFailures.mayReplace(run.fields.module, this.#limit))
        return false;
      if (hasFailed) reject(error as Error);
      else if (isBroken) reject(new Error('the thread has returned no result'));
      else resolve(returned);
      if (result?.last !== undefined) this.#lastRun(result, result.last, run);
      this.#followEnd(run.fields, () => run.endThread());
      return true;
    }
    return false;
  }

  #lastRun({ data }: TaskResult, last: LastRun, { fields: ran, thread }: ThreadRun): void {
    const { heapMb, log, marks, notLoaded } = this.#options;
    const cpuThread = thread?.threadId;
    if (last.because === 'load') {
      const what = `CPU thread ${cpuThread} could not load the tasks module of service ${ran.service}`;
      log.error({ err: unpackFailure(data), ...ran, cpuThread }, `${what}; replacing the thread`);
      notLoaded(last.mark);
      return;
    }
    const fields = last.because === 'heap' ? ran : marks.task(last.mark);
    const why =
      last.because === 'heap'
        ? `was the last one of CPU thread ${cpuThread}: its tasks have left more than ${heapMb} MiB in its heap`
        : `had ended and still takes time of CPU thread ${cpuThread}, by work that it does not await`;
    log.warn({ ...fields, cpuThread }, `CPU task ${fields?.task} ${why}; replacing the thread`);
  }

  #watchHeaps(): void {
    const { heapMb } = this.#options;
    if (heapMb === 0 || this.#heapWatch !== undefined) return;
    this.#heapWatch = new HeapWatch<ThreadRun>({
      heapMb,
      runs: () => this.#runs.keys(),
      exceeded: (run) => {
        run.isOutOfHeap = true;
        this.#followEnd(run.fields, () => run.endThread());
      },
    });
  }

  /**
   * Piscina forgets the threads that it ends, so they are followed here until they have ended.
   * @returns those threads
   */
  #followEnd(fields: TaskFields | undefined, end: () => void): readonly Worker[] {
    const before = this.#threads;
    end();
    const kept = new Set(this.#threads);
    const ending = before.filter((thread) => !kept.has(thread));
    for (const thread of ending) this.#ending.add(thread, fields);
    return ending;
  }
}
