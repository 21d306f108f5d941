// One thread of a worker, from its start to its end: its state, its messages, and whether it is in rotation.
// The supervisor decides which threads are started and replaced.
import { setTimeout as delay } from 'node:timers/promises';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { wallStart } from '../telemetry/wall-start.js';
import { EndDeadline } from './end-deadline.js';
import { readFromWorker } from './from-worker.js';
import {
  type FromWorker,
  type LeaveReason,
  PROTOCOL_VERSION,
  type ReadyService,
  type ToWorker,
  type WorkerBoot,
} from './messages.js';
import type { Rotation } from './sharding.js';
import type { EndReason, ReplaceReason, ThreadEvents, ThreadOptions } from './thread-options.js';
import type { WorkerGroup, WorkerKind } from './worker-group.js';
import { descriptorOf, isLegal, move, type WorkerEvent, type WorkerState } from './worker-life.js';

/** A thread that runs JavaScript ends within milliseconds. */
const TERMINATE_MS = 500;

export type WorkerThreadEvents = ThreadEvents<WorkerThread>;

export class WorkerThread {
  readonly worker: number;
  readonly kind: WorkerKind;
  /** The thread may be ended by `terminate`. */
  readonly mayTerminate: boolean;
  readonly generation: number;
  readonly slot: number;
  /**
   * When the thread was started, on the clock of `performance.now()`. The thread reads its code after this
   * moment.
   */
  readonly spawnedAt: number;
  /** Services with a database whose routes are served by this thread. */
  readonly serving = new Set<string>();
  /** Why the thread was ordered to drain; undefined when it was not, or when the process stops. */
  retireReason: ReplaceReason | 'start-failed' | 'wedged' | undefined;
  /** Why the thread does not get ready, in its own words. */
  startFailure: string | undefined;
  /** It wants the port of its worker, and does not listen yet. */
  wantsPort = false;
  readonly #madeAt = performance.now();
  readonly #wallStart = wallStart(Date.now());
  readonly #rotation: Rotation;
  readonly #ports: WorkerGroup['ports'];
  /** All services with a migrated database. The supervisor adds later ones to the same array. */
  readonly #services: readonly ReadyService[];
  readonly #thread: Worker;
  readonly #cpuPort: MessagePort;
  readonly #events: WorkerThreadEvents;
  #state: WorkerState = { kind: 'starting' };
  #readyAt: number | undefined;
  #hasReportedRefused = false;
  readonly #deadline: EndDeadline;
  readonly #unhandledRejection: WorkerBoot['settings']['unhandledRejection'];

  /** @throws Error ERR_WORKER_INIT_FAILED when the system refuses a thread */
  constructor(options: ThreadOptions, events: WorkerThreadEvents) {
    const { group, boot, early, overdueMs } = options;
    const { kind, entry, rotation, ports, mayTerminate } = group;
    this.spawnedAt = early?.startedAt ?? performance.now();
    this.#events = events;
    this.kind = kind;
    this.mayTerminate = mayTerminate;
    this.worker = boot.worker;
    this.generation = boot.generation;
    this.slot = boot.slot;
    this.#rotation = rotation;
    this.#ports = ports;
    this.#services = boot.ready;
    this.#deadline = new EndDeadline({
      graceMs: overdueMs,
      isStalled: () => this.#isStalled,
      overdue: () => events.overdue(this),
    });
    this.#unhandledRejection = boot.settings.unhandledRejection;
    const cpu = new MessageChannel();
    this.#cpuPort = cpu.port1;
    const workerData: WorkerBoot = { ...boot, protocol: PROTOCOL_VERSION, cpuPort: cpu.port2 };
    const transferList = [cpu.port2];
    const name = `${kind}-${boot.worker}.${boot.generation}`;
    try {
      this.#thread =
        early?.run(workerData, transferList) ?? new Worker(entry, { workerData, transferList, name });
    } catch (error) {
      cpu.port1.close();
      throw error;
    }
    options.attachCpu(cpu.port1);
    const isListening = boot.port !== undefined || ports !== undefined;
    this.#thread.on('message', (data: unknown) => this.#receive(data, isListening));
    // The thread catches its failures itself and posts `leaving`. What arrives here it could not catch, e.g.
    // an entry file that cannot be loaded.
    this.#thread.on('error', (error) => events.failed(this, error));
    this.#thread.on('exit', () => {
      this.#deadline.cancel();
      this.#leaveRotation();
      this.#cpuPort.close();
      this.#move({ type: 'exit' });
      events.ended(this);
    });
  }

  /** When the thread was started, on the wall clock as it goes now: it is for operators only. */
  get startedAt(): Date {
    return new Date(this.#wallStart(Date.now(), performance.now() - this.#madeAt));
  }

  get state(): WorkerState {
    return this.#state;
  }

  /** Milliseconds since the thread was put into rotation; 0 when it never was. */
  get servedMs(): number {
    return this.#readyAt === undefined ? 0 : performance.now() - this.#readyAt;
  }

  /** The thread has loaded everything. Node.js may crash when one is terminated while it loads modules. */
  get hasLoaded(): boolean {
    return this.#readyAt !== undefined;
  }

  /** Milliseconds that are left of the drain at most; infinity before the thread is retired. */
  get leftMs(): number {
    return this.#deadline.leftMs;
  }

  /** The thread was ordered to drain. */
  get isRetired(): boolean {
    return this.#deadline.isSet;
  }

  /** The thread should have ended and has not. */
  get isOverdue(): boolean {
    return this.#deadline.isOverdue;
  }

  /** Node's number of the thread; -1 once it has ended. */
  get threadId(): number {
    return this.#thread.threadId;
  }

  /** The thread starts, or serves and was not ordered to leave: its worker counts on it. */
  get isCurrent(): boolean {
    const { kind } = this.#unstalledState;
    return kind === 'starting' || kind === 'ready';
  }

  /**
   * The reason of a thread that has failed and wants to leave, but is kept because no other thread serves;
   * undefined for all other threads. A stalled thread has the reason that it had before the stall.
   */
  get failureReason(): LeaveReason | undefined {
    const state = this.#unstalledState;
    return state.kind === 'failing' ? state.reason : undefined;
  }

  /** Why the thread has ended; before that, the reason it would have if it ended now. */
  get endReason(): EndReason {
    return this.retireReason ?? (this.#state.kind === 'dead' ? this.#state.reason : 'lost');
  }

  send(message: ToWorker): void {
    this.#thread.postMessage(message);
  }

  /**
   * Takes the thread out of rotation and orders it to drain and to end. A further call can shorten the drain.
   * @param withinMs time for the requests in hand
   * @param isFault see `ToWorker`
   */
  retire(withinMs: number, isFault = false): void {
    const { kind } = this.#unstalledState;
    this.#leaveRotation();
    this.#deadline.drainWithin(withinMs);
    if (kind === 'starting' || kind === 'ready') this.#move({ type: 'drain' });
    if (kind === 'failing') this.#move({ type: 'detach' });
    this.send(kind === 'failing' ? { type: 'detached', withinMs } : { type: 'drain', withinMs, isFault });
    this.#expectEnd();
  }

  /** The event loop is stalled: the thread gets no new connection until `resume`. */
  stall(): void {
    const descriptor = descriptorOf(this.#state);
    if (descriptor !== undefined) this.#rotation.pause(descriptor);
    this.#move({ type: 'stall' });
    this.#events.stateChanged(this);
  }

  /** The event loop runs again. Does nothing unless the thread was stalled. */
  resume(): void {
    if (!this.#isStalled) return;
    this.#move({ type: 'resume' });
    const descriptor = descriptorOf(this.#state);
    if (descriptor !== undefined) this.#rotation.add(descriptor);
    this.#events.stateChanged(this);
  }

  /**
   * The thread cannot be interrupted. It is ordered to leave, and finds the order if its loop ever runs
   * again.
   */
  wedge(withinMs: number): void {
    this.retireReason ??= 'wedged';
    this.retire(withinMs, true);
    this.#move({ type: 'wedge' });
    this.#events.stateChanged(this);
  }

  /**
   * Ends the thread at once; its requests are cut. Only where `mayTerminate` is true: otherwise the process
   * would end.
   * @returns false when it has not ended soon, because it runs native code that does not return
   */
  terminate(): Promise<boolean> {
    this.retireReason ??= 'wedged';
    this.#leaveRotation();
    const ended = this.#thread.terminate().then(() => true);
    return Promise.race([ended, delay(TERMINATE_MS, false, { ref: false })]);
  }

  /** Confirms `leaving` to a thread that is out of rotation: it may close its app. */
  release(): void {
    this.send({ type: 'detached', withinMs: 0 });
    this.#expectEnd();
  }

  get #isStalled(): boolean {
    return this.#state.kind === 'stalled' || this.#state.kind === 'wedged';
  }

  /** The state, or the one that a stalled thread had before. */
  get #unstalledState(): WorkerState {
    return this.#state.kind === 'stalled' ? this.#state.before : this.#state;
  }

  /**
   * @param isListening whether the thread accepts its connections itself. Its descriptor then has no pointer
   *   to its app
   */
  #receive(data: unknown, isListening: boolean): void {
    this.resume(); // a thread that posts messages is not stalled
    const message = readFromWorker(data);
    // The thread leaves already. The first `leaving` may have been posted by code of a service; then this one
    // is from the runtime in the thread, which closes nothing before it is confirmed.
    if (message?.type === 'leaving' && this.#state.kind === 'leaving') this.release();
    else if (message === undefined || !this.#accept(message, isListening)) this.#reportRefused();
    else this.#events.received(this, message);
  }

  /**
   * Carries out what the message means for this thread.
   * @returns false for a message that the runtime in the thread never posts in this state: other code has
   *   posted it
   */
  #accept(message: FromWorker, isListening: boolean): boolean {
    switch (message.type) {
      case 'ready': {
        const { slot, app } = message.descriptor;
        if (slot !== this.slot || (app === undefined) !== isListening) return false;
        if (this.#state.kind === 'draining') return true; // it was ordered to drain meanwhile
        if (!isLegal(this.#state, message)) return false;
        this.#rotation.add(message.descriptor);
        this.wantsPort = false;
        this.#readyAt = performance.now();
        this.#move(message);
        return true;
      }
      case 'port-wanted': {
        // It may have been ordered to end meanwhile.
        const { kind } = this.#state;
        this.wantsPort ||= this.#ports !== undefined && kind === 'starting';
        return this.#ports !== undefined && kind !== 'ready';
      }
      case 'listening':
        return [0, message.port].includes(this.#ports?.of(this.worker) ?? -1);
      case 'unbound':
        return this.#ports !== undefined;
      case 'leaving':
        if (!isLegal(this.#state, message)) return false;
        this.#move(message);
        return true;
      case 'failed':
        return this.#unhandledRejection === 'log';
      case 'fatal':
        return this.#unhandledRejection === 'exit';
      case 'refused':
        return this.#state.kind === 'starting' || this.#state.kind === 'draining';
      case 'serving':
        if (!this.#services.some(({ service }) => service === message.service)) return false;
        this.serving.add(message.service);
        return true;
    }
  }

  #expectEnd(): void {
    if (this.#state.kind !== 'dead') this.#deadline.start();
  }

  /** Reports only the first message that is refused: code that posts such messages may do so in a loop. */
  #reportRefused(): void {
    if (this.#hasReportedRefused) return;
    this.#hasReportedRefused = true;
    this.#events.failed(
      this,
      new Error('the thread posted a message that is not of the protocol; such messages are ignored'),
    );
  }

  /**
   * Always called before the thread may close its app: with the acceptor, a descriptor that stays in the
   * rotation is a pointer into freed memory.
   */
  #leaveRotation(): void {
    const descriptor = descriptorOf(this.#unstalledState);
    if (descriptor !== undefined) this.#rotation.remove(descriptor);
  }

  #move(event: WorkerEvent): void {
    this.#state = move(this.#state, event);
  }
}
