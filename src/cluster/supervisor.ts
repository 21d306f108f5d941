// Keeps the workers of a group serving: starts a successor when a thread fails, replaces threads without a
// gap, and decides when the process is of no use any more. It owns the state of every worker; the legal
// changes of a thread's state are in worker-life.ts.
import { forgetTopics } from '../memory/topic-hints.js';
import { endPortHolder, terminateLate } from './forced-ends.js';
import type { FromWorker, ReadyService } from './messages.js';
import { PortHolders } from './port-holders.js';
import { type Replacement, Replacements } from './replacements.js';
import { RESTART_LIMITS, type RestartLimits } from './restarts.js';
import { isWithoutFiles } from './short-of-files.js';
import type { SupervisorOptions } from './supervisor-options.js';
import type { ReplaceReason } from './thread-options.js';
import { ThreadStarter } from './thread-starter.js';
import { mayServe } from './worker-life.js';
import { maxWedged } from './worker-rows.js';
import type { WorkerThread } from './worker-thread.js';
import {
  currentThreadOf,
  isLost,
  type ThreadView,
  type WorkerEntry,
  type WorkerStatus,
  Workers,
} from './workers.js';

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #limits: RestartLimits;
  readonly #workers: Workers;
  readonly #starter: ThreadStarter;
  readonly #replacements: Replacements;
  readonly #portHolders: PortHolders;
  readonly #readyServices: ReadyService[] = [];
  #isStopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    const { group, settings, limits = RESTART_LIMITS, log } = options;
    this.#limits = limits;
    this.#workers = new Workers(group, limits);
    this.#starter = new ThreadStarter({
      workers: this.#workers,
      supervisor: options,
      limits,
      readyServices: this.#readyServices,
      isStopping: () => this.#isStopping,
      discard: (thread) => this.#discard(thread),
      refused: (entry, err) => this.#refused(entry, err),
      events: {
        received: (thread, message) => this.#receive(thread, message),
        failed: ({ worker, generation }, err) => log.error({ worker, generation, err }, 'worker failed'),
        stateChanged: (thread) => this.#stateChanged(thread),
        overdue: (thread) => void this.#overdue(thread),
        ended: (thread) => this.#ended(thread),
      },
    });
    this.#portHolders = new PortHolders({
      workers: this.#workers,
      ports: group.ports,
      isStopping: () => this.#isStopping,
      keepsPort: (thread) => endPortHolder(thread, log),
      lateToListen: ({ worker, generation }) =>
        log.warn(
          { worker, generation },
          'a new thread is busy and does not listen; the old one listens again',
        ),
    });
    this.#replacements = new Replacements(
      this.#workers,
      this.#starter,
      () => this.#isStopping,
      settings.drainMs,
    );
  }

  /** Starts the threads of all workers, a few at the same time. */
  start(): void {
    this.#starter.startAll();
  }

  get stopping(): boolean {
    return this.#isStopping;
  }

  /** The number of workers. */
  get count(): number {
    return this.#workers.all.length;
  }

  /** Whether the group has a worker of this number. */
  has(worker: number): boolean {
    return this.#workers.all.some((entry) => entry.worker === worker);
  }

  /** A thread of the group serves, even one that has failed and is kept for that. */
  get serves(): boolean {
    return this.#workers.living.some(({ state }) => mayServe(state));
  }

  /** Threads that have not ended, and their states. */
  get unfinished(): Workers['unfinished'] {
    return this.#workers.unfinished;
  }

  /** One thread per worker that was started: the one in rotation, else its newest. */
  get workers(): readonly ThreadView[] {
    return this.#workers.views;
  }

  /** As `Workers.statuses`. */
  get statuses(): readonly WorkerStatus[] {
    return this.#workers.statuses;
  }

  /**
   * All threads that are alive, and the last one of each worker without any. A worker that is being replaced
   * has two.
   */
  get threads(): readonly WorkerThread[] {
    return this.#workers.threads;
  }

  /** As `Workers.watch`. */
  watch(check: () => void): () => void {
    return this.#workers.watch(check);
  }

  /** Resolves once `test` holds. It is run now and after every change of any worker. */
  until(test: (workers: readonly ThreadView[]) => boolean): Promise<void> {
    return this.#workers.until(test);
  }

  /** Orders all threads, and all later ones, to serve a service whose database is migrated. */
  serviceReady(ready: ReadyService): void {
    this.#readyServices.push(ready);
    for (const thread of this.#workers.living) thread.send({ type: 'service-ready', ...ready });
  }

  /**
   * Replaces the thread of a worker: see replacements.ts. Resolves when the new one serves, or never will.
   * @param before on the clock of `performance.now()`: a thread that started later is not replaced
   * @default before now
   */
  replace(worker: number, reason: ReplaceReason, before = performance.now()): Promise<Replacement> {
    return this.#replacements.replace(worker, reason, before);
  }

  /** Ends a thread without waiting for its requests; its successor starts beside it. */
  expel(thread: WorkerThread, reason: ReplaceReason): void {
    if (thread.state.kind === 'dead') return;
    thread.retireReason ??= reason;
    thread.retire(0, true);
    if (thread.state.kind !== 'leaving') this.#startSuccessor(thread);
    this.#workers.notify();
  }

  /**
   * Drains and ends all threads that can end, at the latest after `withinMs`. No thread is started from then
   * on.
   */
  async stop(withinMs: number): Promise<void> {
    this.#isStopping = true;
    this.#portHolders.stop();
    for (const entry of this.#workers.all) clearTimeout(entry.restartTimer);
    // Threads that drain already are included: they may have been given more time than is left now.
    for (const thread of this.#workers.living) thread.retire(withinMs);
    this.#workers.notify();
    const stopped = terminateLate(this.#workers, withinMs, this.#options.log);
    await this.until(() => this.#workers.living.every(isLost));
    stopped();
  }

  #receive(thread: WorkerThread, message: FromWorker): void {
    const { log } = this.#options;
    const { worker, generation } = thread;
    switch (message.type) {
      case 'ready':
        if (thread.state.kind === 'ready') this.#ready(thread, message.routes);
        break;
      case 'leaving':
        // A thread that drains without an order has failed like any other: it takes no more requests.
        if (message.reason !== 'drained' || !thread.isRetired)
          this.#failed(thread, message.reason, message.detail);
        if (thread.state.kind === 'leaving') thread.release();
        break;
      case 'failed':
        log.error({ worker, generation, detail: message.detail }, 'unhandled rejection');
        break;
      case 'fatal':
        log.error({ worker, generation, detail: message.detail }, 'unhandled rejection');
        this.#options.logFlightRecord(thread, 'unhandled-rejection');
        this.#options.fatal(`unhandled rejection in worker ${worker} (UNHANDLED_REJECTION=exit)`, 70);
        break;
      case 'refused':
        if (!this.#workers.hasServed(thread)) this.#options.fatal(message.message, message.exitCode);
        else {
          thread.startFailure = message.message;
          log.error({ worker, generation, detail: message.message }, 'worker refuses to start');
          this.#discard(thread);
        }
        break;
      case 'listening':
        this.#portHolders.listening(thread, message.port);
        break;
      case 'unbound':
        this.#portHolders.unbound(thread);
        break;
    }
    this.#workers.notify();
  }

  #ready(thread: WorkerThread, routes: unknown): void {
    const { worker, generation } = thread;
    this.#workers.entryOf(thread).restarts.ready();
    this.#options.routesReported?.(routes);
    this.#options.log.info({ worker, generation }, 'worker ready');
    // Failed threads were kept because no other thread served.
    for (const other of this.#workers.substitutesOf(thread)) this.#retireFailed(other);
  }

  /**
   * A thread wants to leave. Its successor is started now. The thread itself is retired now if another one
   * serves, else as soon as one does.
   */
  #failed(thread: WorkerThread, reason: string, detail: string | undefined): void {
    const { worker, generation } = thread;
    if (thread.servedMs === 0) thread.startFailure = detail;
    this.#options.log.error({ worker, generation, reason, detail }, 'worker leaves');
    // The requests of a stalled thread were logged before it was interrupted.
    if (reason !== 'stalled') this.#options.logFlightRecord(thread, reason);
    if (thread.state.kind !== 'failing') return;
    if (this.#isStopping || this.#workers.substitutesOf(thread).some(({ state }) => state.kind === 'ready'))
      this.#retireFailed(thread);
    this.#startSuccessor(thread);
  }

  /** Does nothing to threads that have not failed. */
  #retireFailed(thread: WorkerThread): void {
    if (thread.failureReason === undefined) return;
    const { drainMs } = this.#options.settings;
    const isUncaught = thread.failureReason === 'uncaught-exception';
    thread.retire(isUncaught ? Math.min(this.#limits.failedDrainMs, drainMs) : drainMs);
  }

  /** Ends a thread that will not get ready. */
  #discard(thread: WorkerThread): void {
    if (thread.state.kind !== 'starting') return;
    thread.retireReason = 'start-failed';
    thread.retire(0);
    this.#workers.notify();
  }

  #ended(thread: WorkerThread): void {
    const { worker, generation, endReason: reason, state } = thread;
    const entry = this.#workers.entryOf(thread);
    if (state.kind === 'dead' && state.reason === 'lost') this.#options.logFlightRecord(thread, 'lost');
    this.#options.reclaim(thread.slot);
    this.#options.log.info({ worker, generation, reason }, 'worker ended');
    if (entry.threads.length > 1) entry.threads = entry.threads.filter((other) => other !== thread);
    if (!this.#isStopping) {
      this.#options.restarted(reason);
      this.#startSuccessor(thread);
    }
    this.#starter.releaseSlot(thread.slot);
    this.#workers.notify();
  }

  /**
   * Does nothing when the worker has a successor, or when the thread that was to be replaced still serves.
   */
  #startSuccessor(thread: WorkerThread): void {
    this.#startNext(this.#workers.entryOf(thread), thread.servedMs);
  }

  /** The system has refused a thread. A worker that was to be replaced goes on. */
  #refused(entry: WorkerEntry, err: unknown): void {
    this.#options.log.error(
      { worker: entry.worker, err },
      'the system has refused a thread: raise the limit of threads (ulimit -u, TasksMax=, pids.max)',
    );
    this.#startNext(entry, 0);
    this.#workers.notify();
  }

  #startNext(entry: WorkerEntry, servedMs: number): void {
    if (this.#isStopping || entry.awaitsThread || currentThreadOf(entry) !== undefined) return;
    entry.awaitsThread = true;
    const { delayMs, isHopeless } = entry.restarts.ended(servedMs, isWithoutFiles(servedMs, this.#options));
    if (isHopeless && !this.#continuesWithout(entry)) return;
    entry.restartTimer = setTimeout(() => void this.#starter.start(entry), delayMs);
  }

  /**
   * Whether the process continues although a worker cannot be started: it does while another thread serves,
   * even one that has failed itself. For a worker that has served before, threads of other groups count too.
   */
  #continuesWithout({ worker, restarts, threads }: WorkerEntry): boolean {
    const { giveUpAfter } = this.#limits;
    const isServing = this.serves || (restarts.hasServed && this.#options.othersServe?.() === true);
    const what = `worker ${worker} ended ${giveUpAfter} times before it could serve`;
    if (isServing)
      this.#options.log.error({ worker }, `${what}; another thread serves, so it is tried again`);
    else {
      const [failure] = threads.at(-1)?.startFailure?.split('\n') ?? [];
      this.#options.fatal(failure === undefined ? what : `${what}: ${failure} (the log has its stack)`, 70);
    }
    return isServing;
  }

  #stateChanged(thread: WorkerThread): void {
    if (thread.state.kind === 'wedged') this.#lost(thread);
    this.#workers.notify();
  }

  async #overdue(thread: WorkerThread): Promise<void> {
    const { worker, generation, state } = thread;
    const fields = { worker, generation, state: state.kind };
    this.#options.log.error(fields, 'worker does not end although it was ordered to; starting a replacement');
    if (thread.mayTerminate && (await thread.terminate())) return;
    this.#lost(thread);
    this.#workers.notify();
  }

  /** A thread may never end. It keeps its row, and a successor starts beside it. */
  #lost(thread: WorkerThread): void {
    forgetTopics(this.#options.block, thread.slot);
    const lost = this.#workers.living.filter(isLost).length;
    if (lost > maxWedged(this.#options.group.count)) {
      this.#options.exhausted(`${lost} worker threads are stalled or do not end, and cannot be interrupted`);
    } else this.#startSuccessor(thread);
    // A successor that waits for the row of this thread needs another one.
    this.#starter.cutDrainsShort();
  }
}
