// The CPU pool of the process, in the primary: it queues the tasks of all HTTP workers, each of which has a
// port of its own, bounds their time, and hands them to the threads (pool-threads.ts).
import type { MessagePort } from 'node:worker_threads';
import type { Logger } from 'pino';
import { withAllowance } from '../allowance.js';
import { DeadlineExceededError, UnavailableError } from '../errors.js';
import { canOpen, OutOfFilesError } from '../open-files.js';
import {
  bufferOf,
  type FromPool,
  readTaskResult,
  readToPool,
  type TaskResult,
  type ToPool,
} from './cpu-messages.js';
import type { EndingThread } from './ending-threads.js';
import { type Entry, FairQueue } from './fair-queue.js';
import { PoolNotLoadedError, PoolThreads } from './pool-threads.js';
import { packFailure } from './task-failure.js';

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
  readonly log: Logger;
}

const QUEUE_PER_THREAD = 64;
const GRACE_MS = 250;
/** A thread that starts opens at most this many files at the same time. */
const FILES_PER_START = 64;
/** The longest delay of a Node.js timer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

type RunRequest = Extract<ToPool, { type: 'run' }>;

/**
 * Why tasks are rejected when the queue is full. `queue`: all tasks in it are of one caller. `route_share`:
 * tasks of other callers wait as well, and this caller has the most.
 */
export const CPU_REFUSALS = ['queue', 'route_share'] as const;
export type CpuRefusal = (typeof CPU_REFUSALS)[number];

interface Task extends Entry<Task> {
  readonly port: MessagePort;
  readonly request: RunRequest;
  /** Aborting it ends the thread that runs the task. */
  readonly controller: AbortController;
  /**
   * The timer of the deadline. Once a running task was dropped, it is the timer of the grace time, after
   * which the thread is ended.
   */
  timer: NodeJS.Timeout | undefined;
  /** The caller does not wait for the task any more. */
  isDropped: boolean;
}

export class TaskPool {
  readonly #graceMs: number;
  readonly #log: Logger;
  readonly #threads: PoolThreads;
  /** Waiting and running tasks of each attached port, by id. */
  readonly #ports = new Map<MessagePort, Map<number, Task>>();
  readonly #waiting: FairQueue<Task>;
  readonly #running = new Set<Task>();
  readonly #refused: Record<CpuRefusal, number> = { queue: 0, route_share: 0 };
  #isClosing = false;
  /** Called when no caller waits any more; undefined until `close` waits for that. */
  #markIdle: (() => void) | undefined;

  constructor(options: TaskPoolOptions) {
    const { threads, entry, maxQueue = threads * QUEUE_PER_THREAD, graceMs = GRACE_MS, log } = options;
    this.#waiting = new FairQueue(maxQueue);
    this.#graceMs = graceMs;
    this.#log = log;
    this.#threads = new PoolThreads({
      threads,
      entry,
      log,
      threadEnded: () => this.#startWaiting(),
      startFailed: (error) => this.#failUnstarted(error),
    });
  }

  /** Tasks that wait for a thread. */
  get queueLength(): number {
    return this.#waiting.size;
  }

  /** Tasks that have a thread. */
  get running(): number {
    return this.#running.size;
  }

  /** Tasks that were rejected since the start because the queue was full. */
  get refused(): Readonly<Record<CpuRefusal, number>> {
    return this.#refused;
  }

  /** Threads that were ordered to end and still run: they are in native code, which cannot be interrupted. */
  get unfinished(): readonly EndingThread[] {
    return this.#threads.unfinished;
  }

  /** Serves the HTTP worker at the other end, until the port closes or is detached. */
  attach(port: MessagePort): void {
    this.#ports.set(port, new Map());
    let hasReported = false;
    port.on('message', (data: unknown) => {
      const message = readToPool(data);
      if (message?.type === 'run') this.#accept(port, message);
      else if (message !== undefined) this.#drop(this.#ports.get(port)?.get(message.id));
      else if (!hasReported) {
        // Code that posts such messages may do so in a loop.
        hasReported = true;
        this.#log.error('the CPU pool ignores messages of a worker that are not of its protocol');
      }
    });
    port.on('close', () => this.detach(port));
    port.unref();
  }

  /** The worker has ended: its tasks have no caller any more. */
  detach(port: MessagePort): void {
    const tasks = this.#ports.get(port);
    if (!tasks) return;
    this.#ports.delete(port);
    for (const task of [...tasks.values()]) this.#drop(task);
    port.close();
  }

  /**
   * Rejects new tasks, waits for the accepted ones, and ends the threads. Tasks that still run after
   * `withinMs` are interrupted. Threads that do not end are left in `unfinished`.
   */
  async close({ withinMs }: { readonly withinMs: number }): Promise<void> {
    this.#isClosing = true;
    if (this.#hasCallers) {
      await withAllowance(withinMs, new Promise<void>((resolve) => (this.#markIdle = resolve)));
    }
    for (const port of [...this.#ports.keys()]) this.detach(port);
    for (const task of [...this.#running]) this.#endThread(task);
    await this.#threads.close();
  }

  /** Whether any caller waits for a task. */
  get #hasCallers(): boolean {
    if (this.#waiting.size > 0) return true;
    for (const { isDropped } of this.#running) if (!isDropped) return true;
    return false;
  }

  #checkIdle(): void {
    if (this.#markIdle !== undefined && !this.#hasCallers) this.#markIdle();
  }

  #accept(port: MessagePort, request: RunRequest): void {
    const { caller, id, remainingMs } = request;
    const controller = new AbortController();
    const task: Task = { caller, port, request, controller, timer: undefined, isDropped: false };
    if (this.#isClosing) {
      this.#fail(task, new UnavailableError('DRAINING', 'The process is stopping.'));
      return;
    }
    this.#ports.get(port)?.set(id, task);
    task.timer = setTimeout(() => this.#expire(task), Math.min(remainingMs, MAX_TIMER_MS));
    if (this.#hasRoom) this.#start(task);
    else this.#enqueue(task);
  }

  #enqueue(task: Task): void {
    const refused = this.#waiting.add(task);
    if (refused === undefined) return;
    this.#refused[this.#waiting.callers > 1 ? 'route_share' : 'queue']++;
    this.#fail(refused, new UnavailableError('CPU_QUEUE_FULL', 'Too many CPU tasks are waiting.'));
  }

  get #hasRoom(): boolean {
    return this.#threads.hasRoomBeside(this.#running.size);
  }

  #startWaiting(): void {
    while (this.#hasRoom) {
      const task = this.#waiting.next();
      if (task === undefined) return;
      this.#start(task);
    }
  }

  #start(task: Task): void {
    this.#running.add(task);
    void this.#run(task);
  }

  async #run(task: Task): Promise<void> {
    const { module, task: name, input } = task.request;
    let result: TaskResult;
    try {
      const returned = await this.#threads.run({ module, task: name, input }, task.controller.signal);
      result =
        readTaskResult(returned) ??
        packFailure(new Error(`CPU task ${name}: its result did not arrive whole`), name);
    } catch (error) {
      result = packFailure(this.#failureOf(task, error), name);
    }
    this.#running.delete(task);
    clearTimeout(task.timer);
    if (!task.isDropped) this.#reply(task, result);
    this.#startWaiting();
    this.#checkIdle();
  }

  #failureOf({ request: { module, task }, isDropped }: Task, error: unknown): Error {
    if (error instanceof OutOfFilesError) return error;
    if (error instanceof PoolNotLoadedError) {
      this.#log.error({ err: error.cause, module, task }, 'the pool of CPU threads could not be loaded');
      return error;
    }
    // The pool has ended the thread, or the thread has died: out of memory, process.exit().
    if (!isDropped) this.#log.error({ err: error, module, task }, 'the thread of a CPU task ended');
    return new Error(`the thread of CPU task ${task} ended`, { cause: error });
  }

  /**
   * Fails the tasks that Piscina holds when it cannot start a thread: it would keep them until it can, which
   * may be never.
   */
  #failUnstarted(cause: unknown): void {
    for (const task of this.#running) {
      if (task.isDropped) continue;
      const { task: name } = task.request;
      const failure = canOpen(FILES_PER_START)
        ? new Error(`the thread of CPU task ${name} could not start`, { cause })
        : new OutOfFilesError(cause);
      this.#fail(task, failure);
      task.isDropped = true;
      task.controller.abort();
    }
  }

  #expire(task: Task): void {
    this.#fail(task, new DeadlineExceededError());
    this.#drop(task);
  }

  /**
   * Removes a task from the queue, or ends its thread if the task does not end soon by itself. Its caller
   * gets no reply.
   */
  #drop(task: Task | undefined): void {
    if (!task) return;
    this.#forget(task);
    task.isDropped = true;
    this.#waiting.remove(task);
    this.#checkIdle();
    if (this.#running.has(task)) task.timer = setTimeout(() => this.#endThread(task), this.#graceMs);
  }

  /**
   * Ends the thread of a task and logs that. Clients cannot flood the log with this line, because a thread is
   * busy for the grace time before each one.
   */
  #endThread(task: Task): void {
    const { module, task: name } = task.request;
    this.#log.warn(
      { module, task: name },
      `CPU task ${name} continues after its deadline or without its caller; ending its thread`,
    );
    this.#threads.endThreadOf(name, () => task.controller.abort());
  }

  #fail(task: Task, error: Error): void {
    this.#reply(task, packFailure(error, task.request.task));
  }

  #reply(task: Task, result: TaskResult): void {
    this.#forget(task);
    task.port.postMessage({ id: task.request.id, ...result } satisfies FromPool, [bufferOf(result.data)]);
  }

  #forget({ port, request, timer }: Task): void {
    clearTimeout(timer);
    this.#ports.get(port)?.delete(request.id);
  }
}
