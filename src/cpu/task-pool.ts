// The CPU pool of the process, in the primary: it queues the tasks of all HTTP workers, each of which has a
// port of its own, bounds their time, and hands them to the threads (pool-threads.ts).
import type { MessagePort } from 'node:worker_threads';
import type { Logger } from 'pino';
import { withAllowance } from '../allowance.js';
import { DeadlineExceededError, UnavailableError } from '../errors.js';
import { CallerLines } from './caller-lines.js';
import { buffersOf, type FromPool, readTaskResult, readToPool, type TaskResult } from './cpu-messages.js';
import type { EndingThread } from './ending-threads.js';
import { FairQueue } from './fair-queue.js';
import { type CpuRefusal, refusalOf, type TaskPoolOptions } from './pool-options.js';
import {
  createTask,
  logFieldsOf,
  type RunRequest,
  type Task,
  type TaskOutcome,
  type ThreadEnd,
} from './pool-task.js';
import { PoolThreads } from './pool-threads.js';
import { PoolUsage } from './pool-usage.js';
import { packFailure } from './task-failure.js';
import { TaskMarks } from './task-marks.js';
import { logThreadEnd, threadFailure } from './thread-failure.js';
import { ThreadTimes } from './thread-times.js';

const QUEUE_PER_THREAD = 64;
const GRACE_MS = 250;
/** A thread may load a module for this long without a caller. */
const MOST_LOAD_MS = 30_000;
/** While tasks wait that leave the last thread to others, it is checked so often whether there are any. */
const LEAVE_CHECK_MS = 100;
/** The longest delay of a Node.js timer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export class TaskPool {
  readonly #options: TaskPoolOptions;
  readonly #graceMs: number;
  readonly #log: Logger;
  readonly #threads: PoolThreads;
  readonly #usage: PoolUsage;
  readonly #times = new ThreadTimes();
  readonly #marks = new TaskMarks();
  readonly #lines = new CallerLines();
  /** Waiting and running tasks of each attached port, by id. */
  readonly #ports = new Map<MessagePort, Map<number, Task>>();
  readonly #waiting: FairQueue<Task>;
  readonly #running = new Set<Task>();
  readonly #refused: Record<CpuRefusal, number> = { queue: 0, route_share: 0, service_share: 0 };
  #leaveTimer: NodeJS.Timeout | undefined;
  #isClosing = false;
  /** Called when no caller waits any more; undefined until `close` waits for that. */
  #markIdle: (() => void) | undefined;

  constructor(options: TaskPoolOptions) {
    const { threads, entry, maxQueue = threads * QUEUE_PER_THREAD, heapMb = 0, v8HeapMb, log } = options;
    this.#options = options;
    this.#waiting = new FairQueue(maxQueue);
    this.#graceMs = options.graceMs ?? GRACE_MS;
    this.#log = log;
    this.#usage = new PoolUsage(threads);
    this.#threads = new PoolThreads({
      threads,
      entry,
      heapMb,
      v8HeapMb,
      log,
      threadEnded: () => this.#startWaiting(),
      marks: this.#marks,
      kept: (mark, ms) => {
        this.#options.observer?.threadEnded('leftovers');
        this.#chargeStart(mark);
        this.#chargeLeftover(mark, ms);
      },
      leftoverUsed: ({ mark, ms }) => this.#chargeLeftover(mark, ms),
      notLoaded: (mark) => {
        this.#options.observer?.threadEnded('load');
        this.#chargeStart(mark);
      },
    });
  }

  get queueLength(): number {
    return this.#waiting.size;
  }

  /** The number of tasks that may wait. */
  get queueLimit(): number {
    return this.#waiting.maxEntries;
  }

  /** Services of which tasks wait or run. */
  get services(): number {
    return this.#waiting.active;
  }

  /** The code of tasks may have changed: see `PoolThreads.renew`. */
  renew(): void {
    this.#threads.renew();
  }

  /** Tasks that have a thread. */
  get running(): number {
    return this.#running.size;
  }

  /** The number of tasks that may run at the same time. */
  get threads(): number {
    return this.#threads.limit;
  }

  /** Threads that are there now. */
  get liveThreads(): number {
    return this.#threads.size;
  }

  /** The share 0..1 of the time of the threads in which they run tasks, over the last seconds. */
  get utilization(): number {
    return this.#usage.ratio;
  }

  /** The same, whenever it was read before. */
  get recentUtilization(): number {
    return this.#usage.recent;
  }

  /**
   * Changes the number of threads, and the room in the queue with it. Running and waiting tasks stay.
   * @param threads a whole number >= 1
   */
  resize(threads: number): void {
    this.#threads.resize(threads);
    this.#usage.set({ threads });
    this.#waiting.maxEntries = this.#options.maxQueue ?? threads * QUEUE_PER_THREAD;
    this.#startWaiting();
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
      else if (message !== undefined) this.#drop(this.#ports.get(port)?.get(message.id), 'cancelled');
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
    for (const task of [...tasks.values()]) this.#drop(task, 'cancelled');
    port.close();
  }

  /**
   * Rejects new tasks, waits for the accepted ones, and ends the threads. Tasks that still run after
   * `withinMs` are interrupted. Threads that do not end are left in `unfinished`.
   */
  async close({ withinMs }: { readonly withinMs: number }): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#leaveTimer);
    this.#leaveTimer = undefined;
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
    for (const { dropped } of this.#running) if (dropped === undefined) return true;
    return false;
  }

  #checkIdle(): void {
    if (this.#markIdle !== undefined && !this.#hasCallers) this.#markIdle();
  }

  #accept(port: MessagePort, request: RunRequest): void {
    const { id, remainingMs } = request;
    const task = createTask(port, request, this.#lines.of(request));
    if (this.#isClosing) {
      this.#fail(task, new UnavailableError('DRAINING', 'The process is stopping.'));
      return;
    }
    this.#ports.get(port)?.set(id, task);
    task.timer = setTimeout(() => this.#expire(task), Math.min(remainingMs, MAX_TIMER_MS));
    if (this.#hasRoom && !this.#leavesLast(task.service)) {
      this.#waiting.begin(task);
      this.#start(task);
    } else this.#enqueue(task);
  }

  #enqueue(task: Task): void {
    const refused = this.#waiting.add(task);
    if (refused === undefined) return;
    this.#refused[refusalOf(this.#waiting, refused)]++;
    this.#fail(refused, new UnavailableError('CPU_QUEUE_FULL', 'Too many CPU tasks are waiting.'));
  }

  get #hasRoom(): boolean {
    return this.#threads.hasRoomBeside(this.#running.size);
  }

  /** The number of threads, when one more task takes the last of several. */
  get #lastOf(): number | undefined {
    return this.threads > 1 && this.#running.size === this.threads - 1 ? this.threads : undefined;
  }

  #startWaiting(): void {
    while (this.#hasRoom) {
      const task = this.#waiting.next(this.#lastOf);
      if (task === undefined) {
        if (this.queueLength > 0) this.#startLater();
        return;
      }
      this.#start(task);
    }
  }

  #leavesLast(service: string): boolean {
    const lastOf = this.#lastOf;
    const leaves = lastOf !== undefined && this.#waiting.leavesLast(service, lastOf);
    if (leaves) this.#startLater();
    return leaves;
  }

  /** The last thread is left to other services only while there are any. */
  #startLater(): void {
    this.#leaveTimer ??= setTimeout(() => {
      this.#leaveTimer = undefined;
      this.#startWaiting();
    }, LEAVE_CHECK_MS).unref();
  }

  #start(task: Task): void {
    task.startedAt = performance.now();
    this.#options.observer?.waited(task.service, task.startedAt - task.arrivedAt);
    this.#running.add(task);
    this.#times.begin(task);
    this.#usage.set({ running: this.#running.size });
    void this.#run(task);
  }

  async #run(task: Task): Promise<void> {
    const { module, task: name, input, progress, traceparent } = task.request;
    const mark = this.#marks.of(task.service, name);
    const order = { module, task: name, mark, input, progress, traceparent };
    let result: TaskResult;
    let outcome: TaskOutcome;
    let hasEndedThread: boolean;
    try {
      const returned = await this.#threads.run(order, task);
      result =
        readTaskResult(returned) ??
        packFailure(new Error(`CPU task ${name}: its result did not arrive whole`), name);
      outcome = task.dropped ?? (result.kind === 'failure' ? 'error' : 'ok');
      hasEndedThread = this.#isLast(result);
    } catch (thrown) {
      // A thread that dies in the middle of what an ended task has left behind is no fault of this one.
      task.heldUpBy ??= this.#marks.task(task.status.heldUpBy);
      const { error, end, hadThread } = threadFailure(task, thrown, this.#log);
      result = packFailure(error, name);
      outcome = task.dropped ?? end;
      hasEndedThread = hadThread;
      if (hadThread && task.dropped === undefined) this.#options.observer?.threadEnded(end);
    }
    const { ranMs, usedMs } = this.#times.end(task, hasEndedThread);
    const { heldUpBy } = task;
    this.#waiting.end(task, heldUpBy === undefined ? usedMs : 0);
    if (heldUpBy !== undefined) this.#waiting.charge(heldUpBy.service, usedMs);
    if (task.status.hasEntered) this.#lines.exists(task.request);
    else if (this.#leavesNothing(task)) this.#marks.forget(task.service, name);
    this.#ended(task, outcome, ranMs);
    if (task.dropped === undefined) this.#reply(task, result);
    this.#startWaiting();
    this.#checkIdle();
  }

  /** Whether no thread can have anything of a task that never ran: its name may be made up. */
  #leavesNothing({ service, request, status }: Task): boolean {
    // What the top level of its module has begun belongs to the task that has loaded it.
    if (this.#lines.knows(request) || status.loadMs > 0 || status.isLoading) return false;
    const isSame = (other: Task): boolean => other.service === service && other.request.task === request.task;
    return [...this.#running].filter(isSame).length === 1;
  }

  /** @returns whether the thread has ended by the fault of the task that has just run */
  #isLast({ last }: TaskResult): boolean {
    // A thread without its module ends only if it may be replaced now: see `notLoaded`.
    if (last === undefined || last.because === 'load') return false;
    if (last.because === 'heap') {
      this.#options.observer?.threadEnded('out_of_memory');
      return true;
    }
    this.#options.observer?.threadEnded('leftovers');
    this.#chargeStart(last.mark);
    return false;
  }

  /** The service of an ended task pays for the start of a thread. */
  #chargeStart(mark: number | undefined): void {
    const owner = this.#marks.task(mark);
    if (owner !== undefined) this.#waiting.charge(owner.service, this.#times.startMsOf(owner.service));
  }

  /** What a task has left behind has used a thread, or kept it: its service pays. */
  #chargeLeftover(mark: number | undefined, ms: number): void {
    const owner = this.#marks.task(mark);
    if (owner === undefined) return;
    this.#waiting.charge(owner.service, ms);
    this.#options.observer?.used(owner.service, owner.task, 'leftover', ms);
  }

  #ended(task: Task, outcome: TaskOutcome, ranMs: number): void {
    const { service, request, timer } = task;
    clearTimeout(timer);
    this.#running.delete(task);
    this.#usage.set({ running: this.#running.size });
    // A name that no module is known to export may be made up.
    const name = this.#lines.knows(request) ? request.task : undefined;
    this.#options.observer?.used(service, name, outcome, ranMs);
  }

  #expire(task: Task): void {
    this.#fail(task, new DeadlineExceededError());
    this.#drop(task, 'timeout');
  }

  /**
   * Removes a task from the queue, or ends its thread if the task does not end soon by itself. One that has
   * not begun in its thread never does. Its caller gets no reply.
   */
  #drop(task: Task | undefined, why: ThreadEnd): void {
    if (!task) return;
    this.#forget(task);
    task.dropped = why;
    this.#waiting.remove(task);
    this.#checkIdle();
    if (!this.#running.has(task)) return;
    task.status.abandon();
    task.timer = setTimeout(() => this.#endThread(task), this.#graceMs);
  }

  /**
   * Ends the thread of a task and logs that. Clients cannot flood the log with this line, because a thread is
   * busy for the grace time before each one.
   */
  #endThread(task: Task): void {
    if (this.#mayLoad(task)) {
      task.timer = setTimeout(() => this.#endThread(task), this.#graceMs);
      return;
    }
    const ended = this.#threads.endThreadOf(logFieldsOf(task), () => task.controller.abort());
    if (ended === undefined) return;
    const hasBegun = task.status.threadId !== undefined;
    task.heldUpBy = this.#marks.task(hasBegun ? task.status.heldUpBy : ended.keptBy);
    if (!hasBegun) this.#chargeLeftover(ended.keptBy, performance.now() - task.startedAt!);
    const reason = task.heldUpBy === undefined ? (task.dropped ?? 'cancelled') : 'leftovers';
    this.#options.observer?.threadEnded(reason);
    logThreadEnd(this.#log, task);
  }

  /**
   * Whether the thread of a task without a caller goes on loading its module: otherwise one that takes longer
   * than callers wait would never be there. One thread does so for each module; while others wait, only
   * within the share of its service, and never the only thread.
   */
  #mayLoad(task: Task): boolean {
    const { status, startedAt, request } = task;
    if (this.#isClosing || !status.isLoading || status.heldUpBy !== undefined) return false;
    if (performance.now() - startedAt! > MOST_LOAD_MS) return false;
    const keepsOthers = this.threads === 1 || !this.#waiting.isWithinShare(task, this.threads);
    if (keepsOthers && this.#waiting.hasOtherService(task)) return false;
    const loadsToo = (other: Task): boolean =>
      other.dropped !== undefined && other.request.module === request.module && other.status.isLoading;
    return [...this.#running].find(loadsToo) === task;
  }

  #fail(task: Task, error: Error): void {
    this.#reply(task, packFailure(error, task.request.task));
  }

  #reply(task: Task, result: TaskResult): void {
    this.#forget(task);
    const waitMs = (task.startedAt ?? performance.now()) - task.arrivedAt;
    const reply: FromPool = { id: task.request.id, waitMs, ...result };
    task.port.postMessage(reply, buffersOf(result));
  }

  #forget({ port, request, timer }: Task): void {
    clearTimeout(timer);
    this.#ports.get(port)?.delete(request.id);
  }
}
