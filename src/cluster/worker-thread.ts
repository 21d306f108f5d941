// One thread of one worker, from its start to its end: its state, its messages, its place in the rotation.
// Who is started and replaced when is the supervisor's business.
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { Allowance } from '../allowance.js';
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
import { descriptorOf, isLegal, move, type WorkerEvent, type WorkerState } from './worker-state.js';

/** What is planned: a worker that serves is replaced by order. */
export type Order = 'reload' | 'heap';
export type EndReason = LeaveReason | Order | 'wedged' | 'lost';

export interface ThreadOptions {
  readonly entry: URL;
  readonly rotation: Rotation;
  readonly boot: Omit<WorkerBoot, 'protocol' | 'cpuPort'>;
  /** How long beyond its time a thread that leaves may take, in milliseconds. */
  readonly overdueMs: number;
  /** Takes the primary's end of the CPU port. */
  attachCpu(port: MessagePort): void;
}

export interface ThreadEvents {
  /** After the state has moved, for a message that moves it. */
  said(message: FromWorker): void;
  failed(error: Error): void;
  /** `stall`, `resume` or `wedge` has moved its state. */
  moved(): void;
  /**
   * It was to end, has not, and may never: its loop turns, but what it was told does not reach the runtime in
   * it.
   */
  overdue(): void;
  /** No code of the thread can run any more. */
  ended(): void;
}

export class WorkerThread {
  readonly worker: number;
  readonly generation: number;
  readonly slot: number;
  /** To be shown: this clock may be set back. */
  readonly startedAt = new Date();
  /** On the clock of `performance.now()`. Its code is read later. */
  readonly begunAt = performance.now();
  /** Services with a database whose routes answer in this thread. */
  readonly serving = new Set<string>();
  /** Why it was told to drain, unless the process stops. */
  order: Order | 'start-failed' | 'wedged' | undefined;
  readonly #rotation: Rotation;
  /** All services with a database that is ready, those to come included. */
  readonly #services: readonly ReadyService[];
  readonly #thread: Worker;
  readonly #cpuPort: MessagePort;
  readonly #events: ThreadEvents;
  #state: WorkerState = { kind: 'starting' };
  #readyAt: number | undefined;
  #hasRefused = false;
  /**
   * When its drain ends at the latest, on the clock of `performance.now()`; infinity before it is retired.
   */
  #endsAt = Number.POSITIVE_INFINITY;
  readonly #overdueMs: number;
  readonly #unhandledRejection: WorkerBoot['settings']['unhandledRejection'];
  /** What is left of the time that it may take to end, once it is to. */
  #ending: Allowance | undefined;
  #isOverdue = false;

  constructor(options: ThreadOptions, events: ThreadEvents) {
    const { entry, rotation, boot } = options;
    this.#events = events;
    this.worker = boot.worker;
    this.generation = boot.generation;
    this.slot = boot.slot;
    this.#rotation = rotation;
    this.#services = boot.ready;
    this.#overdueMs = options.overdueMs;
    this.#unhandledRejection = boot.settings.unhandledRejection;
    const cpu = new MessageChannel();
    options.attachCpu(cpu.port1);
    this.#cpuPort = cpu.port1;
    const workerData: WorkerBoot = { ...boot, protocol: PROTOCOL_VERSION, cpuPort: cpu.port2 };
    this.#thread = new Worker(entry, {
      workerData,
      transferList: [cpu.port2],
      name: `http-${boot.worker}.${boot.generation}`,
    });
    const listens = boot.port !== undefined;
    this.#thread.on('message', (data: unknown) => {
      this.resume(); // who speaks turns
      const message = readFromWorker(data);
      // Other code may have said it first: the runtime in the thread says it before it closes anything, and
      // waits.
      if (message?.type === 'leaving' && this.#state.kind === 'leaving') this.release();
      else if (message === undefined || !this.#accept(message, listens)) this.#refuse();
      else events.said(message);
    });
    // The worker catches everything itself and says `leaving`; what arrives here it could not (bad entry
    // file).
    this.#thread.on('error', (error) => events.failed(error));
    this.#thread.on('exit', () => {
      this.#ending?.cancel();
      this.#leaveRotation();
      this.#cpuPort.close();
      this.#move({ type: 'exit' });
      events.ended();
    });
  }

  get state(): WorkerState {
    return this.#state;
  }

  /** Milliseconds since it was put into rotation; 0 when it never was. */
  get servedMs(): number {
    return this.#readyAt === undefined ? 0 : performance.now() - this.#readyAt;
  }

  /** Milliseconds that are left of its drain at most; infinity before it is retired. */
  get leftMs(): number {
    return this.#endsAt - performance.now();
  }

  /** It was told to drain. */
  get isRetired(): boolean {
    return this.#endsAt !== Number.POSITIVE_INFINITY;
  }

  /** It was to end long ago. */
  get isOverdue(): boolean {
    return this.#isOverdue;
  }

  /** Node's number of the thread; -1 once it has ended. */
  get threadId(): number {
    return this.#thread.threadId;
  }

  /** It starts, or it serves and nobody has asked it to leave: the one its worker counts on. */
  get isHeir(): boolean {
    const { kind } = this.#state.kind === 'stalled' ? this.#state.before : this.#state;
    return kind === 'starting' || kind === 'ready';
  }

  /**
   * Why it wants to leave while it is kept because nobody else serves, be it that it stands still on top of
   * that.
   */
  get failing(): LeaveReason | undefined {
    const state = this.#state.kind === 'stalled' ? this.#state.before : this.#state;
    return state.kind === 'failing' ? state.reason : undefined;
  }

  /** What it would end for if it ended now. */
  get endReason(): EndReason {
    return this.order ?? (this.#state.kind === 'dead' ? this.#state.reason : 'lost');
  }

  send(message: ToWorker): void {
    this.#thread.postMessage(message);
  }

  /**
   * Out of rotation, to finish what is in hand and end. Said again it shortens the time.
   * @param withinMs for what is in hand
   * @param isFault see `ToWorker`
   */
  retire(withinMs: number, isFault = false): void {
    const { kind } = this.#state.kind === 'stalled' ? this.#state.before : this.#state;
    this.#leaveRotation();
    this.#endsAt = Math.min(this.#endsAt, performance.now() + withinMs);
    if (kind === 'starting' || kind === 'ready') this.#move({ type: 'drain' });
    if (kind === 'failing') this.#move({ type: 'detach' });
    this.send(kind === 'failing' ? { type: 'detached', withinMs } : { type: 'drain', withinMs, isFault });
    this.#expectEnd();
  }

  /** Its loop does not turn: no new connection until it does. */
  stall(): void {
    const descriptor = descriptorOf(this.#state);
    if (descriptor !== undefined) this.#rotation.pause(descriptor);
    this.#move({ type: 'stall' });
    this.#events.moved();
  }

  /** Its loop turns again. Does nothing unless it stood still. */
  resume(): void {
    if (this.#state.kind !== 'stalled' && this.#state.kind !== 'wedged') return;
    this.#move({ type: 'resume' });
    const descriptor = descriptorOf(this.#state);
    if (descriptor !== undefined) this.#rotation.add(descriptor);
    this.#events.moved();
  }

  /** Nothing reaches it. Should its loop ever turn, it finds the order to leave. */
  wedge(withinMs: number): void {
    this.order ??= 'wedged';
    this.retire(withinMs, true);
    this.#move({ type: 'wedge' });
    this.#events.moved();
  }

  /** It said that it leaves and is out of rotation: it may close. */
  release(): void {
    this.send({ type: 'detached', withinMs: 0 });
    this.#expectEnd();
  }

  /**
   * Carries out what the message means for this thread.
   * @param listens the thread listens itself, so its descriptor has no pointer
   * @returns false for a message that the worker's half of the protocol never sends now: other code has
   *   posted it
   */
  #accept(message: FromWorker, listens: boolean): boolean {
    switch (message.type) {
      case 'ready': {
        const { slot, app } = message.descriptor;
        if (slot !== this.slot || (app === undefined) !== listens) return false;
        if (this.#state.kind === 'draining') return true; // it was told so meanwhile
        if (!isLegal(this.#state, message)) return false;
        this.#rotation.add(message.descriptor);
        this.#readyAt = performance.now();
        this.#move(message);
        return true;
      }
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

  /**
   * Said again it only shortens the time: code of a service can post over and over that its thread leaves.
   */
  #expectEnd(): void {
    const mostMs = (this.isRetired ? Math.max(0, this.leftMs) : 0) + this.#overdueMs;
    if (this.#state.kind === 'dead' || (this.#ending?.leftMs ?? Number.POSITIVE_INFINITY) <= mostMs) return;
    this.#ending?.cancel();
    this.#ending = new Allowance(mostMs, () => this.#miss());
  }

  #miss(): void {
    this.#ending = undefined;
    if (this.#isOverdue) return;
    // While a thread stands still, the stall ladder deals with it.
    if (this.#state.kind === 'stalled' || this.#state.kind === 'wedged') {
      this.#expectEnd();
      return;
    }
    this.#isOverdue = true;
    this.#events.overdue();
  }

  /** Reported once for each thread: code that posts such messages may do so in a loop. */
  #refuse(): void {
    if (this.#hasRefused) return;
    this.#hasRefused = true;
    this.#events.failed(new Error('a message of the thread is not of the protocol and is ignored'));
  }

  /** Before it may close, always: with the acceptor, what stays there is a pointer into it. */
  #leaveRotation(): void {
    const descriptor = descriptorOf(this.#state.kind === 'stalled' ? this.#state.before : this.#state);
    if (descriptor !== undefined) this.#rotation.remove(descriptor);
  }

  #move(event: WorkerEvent): void {
    this.#state = move(this.#state, event);
  }
}
