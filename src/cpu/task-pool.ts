// The CPU pool of the process: one Piscina in the primary, asked by every HTTP worker over a port of its own.
//
// The queue is ours (fair-queue.ts), and Piscina never holds more tasks than it has threads, because of two
// of its traits (5.3.2): tasks that can be aborted wait in a list that `maxQueue` does not count, and two
// tasks that share a thread die together when one is aborted (its issue 934). So every thread runs one task,
// and ending it harms no other.
import type { MessagePort } from 'node:worker_threads';
import type { Logger } from 'pino';
import { Piscina } from 'piscina';
import { withAllowance } from '../allowance.js';
import { DeadlineExceededError, UnavailableError } from '../errors.js';
import { canOpen, OutOfFilesError } from '../open-files.js';
import {
  bufferOf,
  type FromPool,
  readLeftover,
  readTaskAnswer,
  readToPool,
  type TaskAnswer,
  type TaskOrder,
  type ToPool,
} from './cpu-messages.js';
import { type EndingThread, EndingThreads } from './ending-threads.js';
import { type Entry, FairQueue } from './fair-queue.js';
import { packFailure } from './task-failure.js';

export interface TaskPoolOptions {
  /** CPU_THREADS. Threads start with the first tasks and end after a minute without any. */
  readonly threads: number;
  /** Module of the threads: `workers/task.js`. */
  readonly entry: URL;
  /** Tasks that may wait, of all callers together (503 CPU_QUEUE_FULL). Default 64 for each thread. */
  readonly maxQueue?: number;
  /**
   * How long a task that nobody waits for any more may go on before its thread is ended; default 250 ms. A
   * new thread costs more than most tasks have left, so clients that leave must not be able to end one each.
   */
  readonly graceMs?: number;
  readonly log: Logger;
}

const QUEUE_PER_THREAD = 64;
const GRACE_MS = 250;
const IDLE_MS = 60_000;
/**
 * Threads in native code that are replaced, for each thread of the pool. More take the places of tasks until
 * they end.
 */
const REPLACED_PER_THREAD = 3;
/** A thread that starts opens so many files at the same time, or fewer. */
const FILES_PER_START = 64;
/** How long `close` waits for threads that were told to end. */
const END_MS = 500;
/** The longest delay of a Node.js timer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

type Run = Extract<ToPool, { type: 'run' }>;

/**
 * `queue`: the queue is full of tasks of one caller; `route_share`: others wait as well, and this one has
 * the most.
 */
export const CPU_REFUSALS = ['queue', 'route_share'] as const;
export type CpuRefusal = (typeof CPU_REFUSALS)[number];

interface Task extends Entry<Task> {
  readonly port: MessagePort;
  readonly request: Run;
  /** Aborting ends the thread that runs it. */
  readonly controller: AbortController;
  /** Until the deadline; of a dropped task that runs, until its thread is ended. */
  timer: NodeJS.Timeout | undefined;
  /** Nobody waits for it. */
  dropped: boolean;
}

export class TaskPool {
  readonly #threads: number;
  readonly #graceMs: number;
  readonly #log: Logger;
  readonly #piscina: Piscina<TaskOrder, TaskAnswer>;
  /** Tasks of each attached port by id, waiting and running ones. */
  readonly #ports = new Map<MessagePort, Map<number, Task>>();
  readonly #waiting: FairQueue<Task>;
  readonly #running = new Set<Task>();
  readonly #ending: EndingThreads;
  readonly #refused: Record<CpuRefusal, number> = { queue: 0, route_share: 0 };
  #closing = false;
  #idle: (() => void) | undefined;

  constructor(options: TaskPoolOptions) {
    const { threads, entry, maxQueue = threads * QUEUE_PER_THREAD, graceMs = GRACE_MS, log } = options;
    this.#threads = threads;
    this.#waiting = new FairQueue(maxQueue);
    this.#ending = new EndingThreads(log, () => this.#startNext());
    this.#graceMs = graceMs;
    this.#log = log;
    this.#piscina = new Piscina<TaskOrder, TaskAnswer>({
      filename: entry.href,
      name: 'runTask',
      minThreads: 0,
      maxThreads: threads,
      idleTimeout: IDLE_MS,
      concurrentTasksPerWorker: 1,
      recordTiming: false,
    });
    // A thread that dies between tasks, or cannot start.
    this.#piscina.on('error', (error: unknown) => {
      log.error({ err: error }, 'a CPU thread ended by itself');
      if (this.#piscina.threads.length === 0) this.#failUnstarted(error);
    });
    this.#piscina.on('message', (data: unknown) => this.#logLeftover(data));
  }

  /** Tasks that wait for a thread. */
  get queueLength(): number {
    return this.#waiting.size;
  }

  /** Tasks that have a thread. */
  get running(): number {
    return this.#running.size;
  }

  /** Tasks refused because the queue was full, ever. */
  get refused(): Readonly<Record<CpuRefusal, number>> {
    return this.#refused;
  }

  /** Threads that were told to end and still run: they are in native code, which cannot be interrupted. */
  get unfinished(): readonly EndingThread[] {
    return this.#ending.all;
  }

  /** Serves the HTTP worker at the other end, until the port closes or is detached. */
  attach(port: MessagePort): void {
    this.#ports.set(port, new Map());
    let hasRefused = false;
    port.on('message', (data: unknown) => {
      const message = readToPool(data);
      if (message?.type === 'run') this.#accept(port, message);
      else if (message !== undefined) this.#drop(this.#ports.get(port)?.get(message.id));
      else if (!hasRefused) {
        // Reported once: code that posts such messages may do so in a loop.
        hasRefused = true;
        this.#log.error('a message to the CPU pool is not of its protocol and is ignored');
      }
    });
    port.on('close', () => this.detach(port));
    port.unref();
  }

  /** The worker is gone: nobody waits for its tasks. */
  detach(port: MessagePort): void {
    const tasks = this.#ports.get(port);
    if (!tasks) return;
    this.#ports.delete(port);
    for (const task of [...tasks.values()]) this.#drop(task);
    port.close();
  }

  /**
   * Takes no new tasks, lets the accepted ones end, and ends the threads; tasks that still run by then are
   * interrupted. Threads that do not end are left in `unfinished`.
   */
  async close({ withinMs }: { readonly withinMs: number }): Promise<void> {
    this.#closing = true;
    if (this.#hasCallers) {
      await withAllowance(withinMs, new Promise<void>((resolve) => (this.#idle = resolve)));
    }
    for (const port of [...this.#ports.keys()]) this.detach(port);
    for (const task of [...this.#running]) this.#endThread(task);
    // What it returns settles when all threads have ended, which may be never.
    this.#followEnd(undefined, () => void this.#piscina.destroy());
    await this.#ending.settled(END_MS);
  }

  /** Some task is waited for. */
  get #hasCallers(): boolean {
    if (this.#waiting.size > 0) return true;
    for (const { dropped } of this.#running) if (!dropped) return true;
    return false;
  }

  #checkIdle(): void {
    if (this.#idle !== undefined && !this.#hasCallers) this.#idle();
  }

  #accept(port: MessagePort, request: Run): void {
    const { caller, id, remainingMs } = request;
    const controller = new AbortController();
    const task: Task = { caller, port, request, controller, timer: undefined, dropped: false };
    if (this.#closing) {
      this.#fail(task, new UnavailableError('DRAINING', 'The process is stopping.'));
      return;
    }
    this.#ports.get(port)?.set(id, task);
    task.timer = setTimeout(() => this.#expire(task), Math.min(remainingMs, MAX_TIMER_MS));
    if (this.#hasThread) this.#start(task);
    else this.#wait(task);
  }

  #wait(task: Task): void {
    const refused = this.#waiting.add(task);
    if (refused === undefined) return;
    this.#refused[this.#waiting.callers > 1 ? 'route_share' : 'queue']++;
    this.#fail(refused, new UnavailableError('CPU_QUEUE_FULL', 'Too many CPU tasks are waiting.'));
  }

  get #hasThread(): boolean {
    const surplus = this.#ending.size - this.#threads * REPLACED_PER_THREAD;
    return this.#running.size < this.#threads - Math.max(0, surplus);
  }

  #startNext(): void {
    while (this.#hasThread) {
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
    const { signal } = task.controller;
    let answer: TaskAnswer;
    try {
      const returned: unknown = await this.#piscina.run(
        { module, task: name, input },
        { signal, transferList: [bufferOf(input)] },
      );
      answer =
        readTaskAnswer(returned) ??
        packFailure(new Error(`CPU task ${name}: its result did not arrive whole`), name);
    } catch (error) {
      // Ended by us, or its thread died under it: out of memory, process.exit().
      if (!task.dropped) this.#log.error({ err: error, module, task: name }, 'a CPU task lost its thread');
      answer = packFailure(new Error(`the thread of CPU task ${name} ended`, { cause: error }), name);
    }
    this.#running.delete(task);
    clearTimeout(task.timer);
    if (!task.dropped) this.#answer(task, answer);
    this.#startNext();
    this.#checkIdle();
  }

  /** Without a thread Piscina keeps its tasks until there is one more, which may be never. */
  #failUnstarted(cause: unknown): void {
    for (const task of this.#running) {
      if (task.dropped) continue;
      const { task: name } = task.request;
      const failure = canOpen(FILES_PER_START)
        ? new Error(`the thread of CPU task ${name} could not start`, { cause })
        : new OutOfFilesError(cause);
      this.#fail(task, failure);
      task.dropped = true;
      task.controller.abort();
    }
  }

  #expire(task: Task): void {
    this.#fail(task, new DeadlineExceededError());
    this.#drop(task);
  }

  /** Out of the queue; off its thread if it does not end soon. Not answered. */
  #drop(task: Task | undefined): void {
    if (!task) return;
    this.#forget(task);
    task.dropped = true;
    this.#waiting.remove(task);
    this.#checkIdle();
    if (this.#running.has(task)) task.timer = setTimeout(() => this.#endThread(task), this.#graceMs);
  }

  /** Clients cannot fill the log with this: each line takes a thread for the grace before it. */
  #endThread(task: Task): void {
    const { module, task: name } = task.request;
    this.#log.warn(
      { module, task: name },
      `CPU task ${name} goes on after its deadline or its caller; its thread is ended`,
    );
    this.#followEnd(name, () => task.controller.abort());
  }

  /** Piscina forgets the threads that it ends; those that do not end are still ours. */
  #followEnd(task: string | undefined, end: () => void): void {
    const before = this.#piscina.threads;
    end();
    const kept = new Set(this.#piscina.threads);
    for (const thread of before) if (!kept.has(thread)) this.#ending.add(thread, task);
  }

  #logLeftover(data: unknown): void {
    const leftover = readLeftover(data);
    if (leftover === undefined) return;
    const { task, message, stack } = leftover;
    const err = Object.assign(new Error(message), { stack });
    this.#log.error({ task, err }, 'a CPU task that has ended left an exception behind that nothing caught');
  }

  #fail(task: Task, error: Error): void {
    this.#answer(task, packFailure(error, task.request.task));
  }

  #answer(task: Task, answer: TaskAnswer): void {
    this.#forget(task);
    task.port.postMessage({ id: task.request.id, ...answer } satisfies FromPool, [bufferOf(answer.data)]);
  }

  #forget({ port, request, timer }: Task): void {
    clearTimeout(timer);
    this.#ports.get(port)?.delete(request.id);
  }
}
