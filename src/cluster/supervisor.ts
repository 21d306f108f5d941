// Keeps WORKERS workers serving: starts their threads, replaces them one by one without a gap, and starts the
// next one when one fails. Owner of every worker's state; the rules are in worker-state.ts.
import type { MessagePort } from 'node:worker_threads';
import type { Logger } from 'pino';
import { Allowance } from '../allowance.js';
import type { Settings } from '../config.js';
import type { Block } from '../memory/block.js';
import type { RingMemory } from '../memory/line-ring.js';
import type { SeriesMemory } from '../memory/metrics/series-memory.js';
import { forgetTopics } from '../memory/topic-hints.js';
import { occupySlot } from '../memory/worker-row.js';
import { toCutShort } from './drains.js';
import { heirOf, isAlive, isLost, type Lane, Lanes, type ThreadView } from './lanes.js';
import type { FromWorker, ReadyService } from './messages.js';
import { type Replacement, Replacements } from './replacements.js';
import { RESTART_LIMITS, type RestartLimits } from './restarts.js';
import type { Sharding } from './sharding.js';
import { mostWedged, Slots } from './worker-rows.js';
import { mayServe } from './worker-state.js';
import { type Order, WorkerThread } from './worker-thread.js';

export interface SupervisorOptions {
  readonly entry: URL;
  readonly settings: Settings;
  /** With `rowsFor(settings.workers)` rows for threads. */
  readonly block: Block;
  /** Memory of each slot for metric series. */
  readonly series: SeriesMemory;
  readonly sharding: Pick<Sharding, 'add' | 'pause' | 'remove' | 'workerPort'>;
  readonly instanceId: string;
  readonly log: Logger;
  /** For a thread that cannot write its log lines itself. Default: it can. */
  openThreadLog?(): { readonly memory: RingMemory; close(): void } | undefined;
  /** Takes the primary's end of a worker's CPU port. */
  attachCpu(port: MessagePort): void;
  /** No code of the thread in this slot can run any more: give back what it held in shared memory. */
  reclaim(slot: number): void;
  /** A thread has failed or is gone: logs what it was doing. Called while its rows still say so. */
  dumpFlights(thread: WorkerThread, reason: string): void;
  /**
   * Whether threads may fail to start because the process can open few files. Asked of each that did.
   * Default: never.
   */
  isShortOfFiles?(): boolean;
  /** A thread ended and another takes its place. */
  restarted(reason: string): void;
  /** What the thread that got ready last answers: see `ready` in messages.ts. */
  offered?(offer: unknown): void;
  /** The process cannot go on: why, and its exit code. */
  fatal(message: string, exitCode: number): void;
  /**
   * More threads stand still for good than can be borne: drain the rest and let the process be started anew.
   */
  exhausted(message: string): void;
  readonly limits?: RestartLimits;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #limits: RestartLimits;
  readonly #lanes: Lanes;
  readonly #slots: Slots;
  readonly #ready: ReadyService[] = [];
  readonly #replacements: Replacements;
  #hasServed = false;
  #stopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#limits = options.limits ?? RESTART_LIMITS;
    this.#slots = new Slots(options.settings.workers);
    this.#lanes = new Lanes(options.settings.workers, this.#limits);
    this.#replacements = new Replacements(
      this.#lanes,
      {
        isStopping: () => this.#stopping,
        settled: (test) => this.#settled(test),
        start: (lane, isWanted) => this.#start(lane, isWanted),
        started: (thread) => this.#started(thread),
      },
      options.settings.drainMs,
    );
  }

  /** Starts the threads of all workers, a few at the same time. */
  start(): void {
    const { all } = this.#lanes;
    const { startingAtOnce } = this.#limits;
    for (const lane of all) lane.isOwed = true;
    for (const lane of all.slice(0, startingAtOnce)) this.#spawn(lane, this.#slots.tryTake()!);
    void this.#startRest(all.slice(startingAtOnce));
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  /** Threads that still run, and what they are at. */
  get unfinished(): readonly {
    readonly worker: number;
    readonly generation: number;
    readonly state: string;
  }[] {
    return this.#lanes.living.map(({ worker, generation, state }) => ({
      worker,
      generation,
      state: state.kind,
    }));
  }

  /** One for each worker, once started: the thread in rotation, else its newest. */
  get lanes(): readonly ThreadView[] {
    return this.#lanes.views;
  }

  /** All that live, and the last one of a worker that has none: two for a worker that is being replaced. */
  get threads(): readonly WorkerThread[] {
    return this.#lanes.threads;
  }

  /** Resolves once `test` holds; asked again after every change of any worker. */
  until(test: (lanes: readonly ThreadView[]) => boolean): Promise<void> {
    return this.#lanes.until(test);
  }

  /** Tells every worker, and every later one, that a service may answer. */
  serviceReady(ready: ReadyService): void {
    this.#ready.push(ready);
    for (const thread of this.#lanes.living) thread.send({ type: 'service-ready', ...ready });
  }

  /**
   * Replaces a worker's thread: see replacements.ts. Resolves when the new one serves, or never will.
   * @param before on the clock of `performance.now()`; threads started later are new enough: nothing to do
   */
  replace(worker: number, order: Order, before = performance.now()): Promise<Replacement> {
    return this.#replacements.replace(worker, order, before);
  }

  /** Ends a thread without waiting for what it has in hand; its successor starts beside it. */
  expel(thread: WorkerThread, order: Order): void {
    if (thread.state.kind === 'dead') return;
    thread.order ??= order;
    thread.retire(0, true);
    const lane = this.#lanes.all[thread.worker - 1]!;
    if (thread.state.kind !== 'leaving') this.#startAgain(lane, thread);
    this.#lanes.notify();
  }

  /** Drains and ends all workers that can, at the latest after `withinMs`. Nothing is started any more. */
  async stop(withinMs: number): Promise<void> {
    this.#stopping = true;
    for (const lane of this.#lanes.all) clearTimeout(lane.restart);
    // Also those that drain already: they may have been given more time than is left now.
    for (const thread of this.#lanes.living) thread.retire(withinMs);
    this.#lanes.notify();
    await this.until(() => this.#lanes.living.every(isLost));
  }

  async #startRest(lanes: readonly Lane[]): Promise<void> {
    const isStarting = ({ state }: WorkerThread): boolean => state.kind === 'starting';
    for (const lane of lanes) {
      await this.#settled(() => this.#lanes.living.filter(isStarting).length < this.#limits.startingAtOnce);
      if (this.#stopping) return;
      await this.#start(lane);
    }
  }

  /** Resolves when the thread is ready or never will be; in time it is discarded. */
  async #started(thread: WorkerThread): Promise<void> {
    const allowance = new Allowance(this.#limits.startMs, () => this.#discard(thread));
    await this.#settled(() => thread.state.kind !== 'starting');
    allowance.cancel();
  }

  /** Starts a thread of a worker as soon as there is a row for it, unless it is no longer wanted by then. */
  async #start(lane: Lane, isWanted = () => lane.isOwed): Promise<WorkerThread | undefined> {
    const slot = await this.#takeSlot();
    if (!this.#stopping && isWanted()) return this.#spawn(lane, slot);
    this.#slots.giveBack(slot);
    return undefined;
  }

  /** A row for a thread that is needed now: while all are in use, drains are cut short one by one. */
  #takeSlot(): Promise<number> {
    const slot = this.#slots.take();
    this.#cutShort();
    return slot;
  }

  #cutShort(): void {
    const { failedDrainMs } = this.#limits;
    toCutShort(this.#lanes.living, this.#slots.waiting, failedDrainMs)?.retire(failedDrainMs);
  }

  #spawn(lane: Lane, slot: number): WorkerThread {
    const { entry, settings, block, series, instanceId, sharding, log } = this.#options;
    lane.isOwed = false;
    clearTimeout(lane.restart);
    const generation = ++lane.generation;
    const { worker } = lane;
    occupySlot(block, slot, worker, generation);
    const threadLog = this.#options.openThreadLog?.();
    const { workerPort: port } = sharding;
    const memory = { memory: block.buffer, series: series.of(slot), logMemory: threadLog?.memory };
    const thread: WorkerThread = new WorkerThread(
      {
        entry,
        rotation: sharding,
        boot: { worker, slot, generation, ...memory, settings, port, instanceId, ready: this.#ready },
        attachCpu: (port) => this.#options.attachCpu(port),
        overdueMs: this.#limits.overdueMs,
      },
      {
        said: (message) => this.#heard(lane, thread, message),
        failed: (err) => log.error({ worker, generation, err }, 'worker failed'),
        moved: () => this.#moved(lane, thread),
        overdue: () => this.#overdue(lane, thread),
        ended: () => {
          this.#ended(lane, thread);
          threadLog?.close();
        },
      },
    );
    lane.threads = [...lane.threads.filter(isAlive), thread];
    this.#lanes.notify();
    return thread;
  }

  #heard(lane: Lane, thread: WorkerThread, message: FromWorker): void {
    const { log } = this.#options;
    const { worker, generation } = thread;
    switch (message.type) {
      case 'ready':
        if (thread.state.kind !== 'ready') break; // told to drain meanwhile
        this.#hasServed = true;
        lane.restarts.ready();
        this.#options.offered?.(message.offer);
        log.info({ worker, generation }, 'worker ready');
        // Those that were kept because nobody else served.
        for (const other of this.#lanes.living) this.#letGo(other);
        break;
      case 'leaving':
        // Without an order `drained` is a failure like any other: it takes no more requests.
        if (message.reason !== 'drained' || !thread.isRetired)
          this.#failed(lane, thread, message.reason, message.detail);
        if (thread.state.kind === 'leaving') thread.release();
        break;
      case 'failed':
        log.error({ worker, generation, detail: message.detail }, 'unhandled rejection');
        break;
      case 'fatal':
        log.error({ worker, generation, detail: message.detail }, 'unhandled rejection');
        this.#options.dumpFlights(thread, 'unhandled-rejection');
        this.#options.fatal(`unhandled rejection in worker ${worker} (UNHANDLED_REJECTION=exit)`, 70);
        break;
      case 'refused':
        if (!this.#hasServed) this.#options.fatal(message.message, message.exitCode);
        else {
          log.error({ worker, generation, detail: message.message }, 'worker refuses its configuration');
          this.#discard(thread);
        }
        break;
      case 'serving':
        break;
    }
    this.#lanes.notify();
  }

  /** It wants to leave. Its successor is started now; it goes at once if others serve, else when one does. */
  #failed(lane: Lane, thread: WorkerThread, reason: string, detail: string | undefined): void {
    const { worker, generation } = thread;
    this.#options.log.error({ worker, generation, reason, detail }, 'worker leaves');
    // One that stood still was dumped before it was broken off.
    if (reason !== 'stalled') this.#options.dumpFlights(thread, reason);
    if (thread.state.kind !== 'failing') return;
    if (this.#stopping || this.#lanes.living.some(({ state }) => state.kind === 'ready')) this.#letGo(thread);
    this.#startAgain(lane, thread);
  }

  #letGo(thread: WorkerThread): void {
    if (thread.failing === undefined) return;
    const { drainMs } = this.#options.settings;
    thread.retire(
      thread.failing === 'uncaught-exception' ? Math.min(this.#limits.failedDrainMs, drainMs) : drainMs,
    );
  }

  /** It will not get ready. */
  #discard(thread: WorkerThread): void {
    if (thread.state.kind !== 'starting') return;
    thread.order = 'start-failed';
    thread.retire(0);
    this.#lanes.notify();
  }

  #ended(lane: Lane, thread: WorkerThread): void {
    const { worker, generation, endReason: reason, state } = thread;
    if (state.kind === 'dead' && state.reason === 'lost') this.#options.dumpFlights(thread, 'lost');
    this.#options.reclaim(thread.slot);
    this.#options.log.info({ worker, generation, reason }, 'worker ended');
    if (lane.threads.length > 1) lane.threads = lane.threads.filter((other) => other !== thread);
    if (!this.#stopping) {
      this.#options.restarted(reason);
      this.#startAgain(lane, thread);
    }
    this.#slots.giveBack(thread.slot);
    this.#lanes.notify();
  }

  /** Unless there is a successor, or the one that was to be replaced still serves. */
  #startAgain(lane: Lane, { servedMs }: WorkerThread): void {
    if (this.#stopping || lane.isOwed || heirOf(lane) !== undefined) return;
    lane.isOwed = true;
    const { delayMs, isHopeless } = lane.restarts.ended(servedMs, this.#isWithoutFiles(servedMs));
    if (isHopeless && !this.#goesOnWithout(lane)) return;
    lane.restart = setTimeout(() => void this.#start(lane), delayMs);
  }

  /**
   * Whether a thread that has never served may have failed because the process cannot open the files of its
   * modules.
   */
  #isWithoutFiles(servedMs: number): boolean {
    if (servedMs > 0 || this.#options.isShortOfFiles?.() !== true) return false;
    this.#options.log.error(
      'the process is short of file descriptors, so threads of workers cannot start: raise the limit (ulimit -n, ' +
        'LimitNOFILE=) or lower MAX_CONNECTIONS',
    );
    return true;
  }

  /**
   * As long as another thread serves, be it one that has failed itself, the process is of more use than its
   * end.
   */
  #goesOnWithout({ worker }: Lane): boolean {
    const { giveUpAfter } = this.#limits;
    const goesOn = this.#lanes.living.some(({ state }) => mayServe(state));
    const what = `worker ${worker} ended ${giveUpAfter} times before it could serve`;
    if (goesOn)
      this.#options.log.error({ worker }, `${what}: another thread serves on, and it is tried again`);
    else this.#options.fatal(what, 70);
    return goesOn;
  }

  /** It has stalled, turns again, or is given up: then its successor starts beside it. */
  #moved(lane: Lane, thread: WorkerThread): void {
    if (thread.state.kind === 'wedged') this.#lose(lane, thread);
    this.#lanes.notify();
  }

  #overdue(lane: Lane, thread: WorkerThread): void {
    const { worker, generation, state } = thread;
    const fields = { worker, generation, state: state.kind };
    this.#options.log.error(fields, 'a worker does not end when it is told: it is left alone');
    this.#lose(lane, thread);
    this.#lanes.notify();
  }

  /** It keeps its row and may never end. */
  #lose(lane: Lane, thread: WorkerThread): void {
    forgetTopics(this.#options.block, thread.slot);
    const lost = this.#lanes.living.filter(isLost).length;
    if (lost > mostWedged(this.#options.settings.workers)) {
      this.#options.exhausted(`${lost} worker threads stand still or do not end, and cannot be broken off`);
    } else this.#startAgain(lane, thread);
    // A successor that has waited for its row needs another.
    this.#cutShort();
  }

  /** Resolves once `test` holds, or when nothing is started any more. */
  #settled(test: () => boolean): Promise<void> {
    return this.until(() => this.#stopping || test());
  }
}
