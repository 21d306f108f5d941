// Which thread of a worker has its port, where each worker has a port of its own. On Node 20 two threads
// cannot listen on one port, so a thread gives it up to its successor and keeps its connections, until the
// successor listens and the thread is drained. After every change of a worker the same rule holds: the newest
// thread that wants the port, else the newest one that serves, has it or has been ordered to listen, as soon
// as no other thread is about to give it up. A successor that is busy and does not listen in time gives the
// port back to a thread that serves, and gets it again when it is not busy any more.
//
// Where the primary listens while no thread does, it gives the port up for each order to listen. A thread
// that does not listen by the time at which its worker is reported as silent returns the port to the primary,
// and gets it again after a pause.
import { Allowance } from '../allowance.js';
import { mayServe } from './worker-life.js';
import type { WorkerPorts } from './worker-ports.js';
import type { WorkerThread } from './worker-thread.js';
import { isAlive, type WorkerEntry, type Workers } from './workers.js';

/** Times in milliseconds. Pauses of the process are not counted. */
export interface PortTimes {
  /** How long a thread may take to give up its port. Then it is ended. */
  readonly handOverMs: number;
  /** How long a port may be in use after the thread that had it has given it up, or has ended. */
  readonly bindMs: number;
  /**
   * How long a thread may take to listen while an older one serves; four times as long after each failure.
   */
  readonly listenMs: number;
  /** A worker without a listener for this long is reported. An ordinary replacement takes less. */
  readonly silentMs: number;
  /**
   * How long the primary has the port of a thread that could not listen; twice as long after each failure, up
   * to `MOST_REST_MS`.
   */
  readonly restMs: number;
  /**
   * The longest wait for the port of a predecessor process. It gives the port up when it begins to drain,
   * which is soon after this process is ready.
   */
  readonly sharedMs: number;
}

export const PORT_TIMES: PortTimes = {
  handOverMs: 3_000,
  bindMs: 5_000,
  listenMs: 500,
  silentMs: 1_000,
  restMs: 1_000,
  sharedMs: 60_000,
};
const LATER_TIMES = 4;
const MOST_REST_MS = 5_000;

/**
 * A thread was ordered to listen; it has not done that in time, and is to give the port up to another thread
 * or, for a while, to the primary; it listens; it was ordered to give the port up; it has not done that in
 * time.
 */
type Hold = 'ordered' | 'late' | 'resting' | 'listening' | 'leaving' | 'kept';

export interface PortHoldersOptions {
  readonly workers: Workers;
  /** Undefined for workers that have no port of their own. */
  readonly ports: WorkerPorts | undefined;
  /** @default PORT_TIMES */
  readonly times?: PortTimes;
  isStopping(): boolean;
  /** The thread has not given up its port in time: it is to be ended. */
  keepsPort(thread: WorkerThread): void;
  /** The thread does not listen in time: an older one does again. */
  lateToListen(thread: WorkerThread): void;
}

export class PortHolders {
  readonly #options: PortHoldersOptions;
  readonly #times: PortTimes;
  readonly #holds = new Map<WorkerThread, Hold>();
  /** The time that is left to threads that are to give up the port. */
  readonly #handOvers = new Map<WorkerThread, Allowance>();
  /** The time that is left to threads that are to listen while an older one serves, or that rest. */
  readonly #listens = new Map<WorkerThread, Allowance>();
  /** How long a thread that was late may take the next time. */
  readonly #listenMs = new WeakMap<WorkerThread, number>();
  /** How long a thread that could not listen rests the next time. */
  readonly #restMs = new WeakMap<WorkerThread, number>();
  /** Workers that have listened, or for which the primary has given up the port. */
  readonly #expected = new Set<number>();
  /** Workers without a listener: the time until that is reported; undefined once it is. */
  readonly #silences = new Map<number, Allowance | undefined>();

  constructor(options: PortHoldersOptions) {
    this.#options = options;
    this.#times = options.times ?? PORT_TIMES;
    if (options.ports !== undefined) options.workers.watch(() => this.#settle());
  }

  /** The thread listens on this port. */
  listening(thread: WorkerThread, port: number): void {
    if (this.#holds.get(thread) !== 'ordered') return;
    this.#holds.set(thread, 'listening');
    this.#listens.get(thread)?.cancel();
    this.#listens.delete(thread);
    this.#restMs.delete(thread);
    this.#expected.add(thread.worker);
    this.#options.ports?.listening(thread.worker, port);
  }

  /** The thread has given up the port. */
  unbound(thread: WorkerThread): void {
    const hold = this.#holds.get(thread);
    if (hold === 'leaving' || hold === 'kept' || hold === 'late') this.#forget(thread);
    if (hold === 'kept') this.#endRest(thread.worker);
  }

  /** Ends all waiting. */
  stop(): void {
    for (const allowance of [...this.#handOvers.values(), ...this.#listens.values()]) allowance.cancel();
    for (const allowance of this.#silences.values()) allowance?.cancel();
  }

  #settle(): void {
    if (this.#options.isStopping()) return;
    for (const [thread, hold] of this.#holds) {
      if (isAlive(thread)) continue;
      this.#forget(thread);
      if (hold === 'kept') this.#endRest(thread.worker);
    }
    for (const entry of this.#options.workers.all) {
      const living = entry.threads.filter(isAlive);
      const prompt = living.filter((thread) => !['late', 'resting'].includes(this.#holds.get(thread) ?? ''));
      const wanting = prompt.findLast(({ state, wantsPort }) => wantsPort && state.kind === 'starting');
      const chosen = wanting ?? prompt.findLast(({ state }) => mayServe(state));
      if (chosen !== undefined && !this.#holds.has(chosen)) this.#give(chosen, living);
      this.#watchSilence(entry, living);
    }
  }

  /** Orders the thread to listen, once no other thread is about to give up the port. */
  #give(thread: WorkerThread, living: readonly WorkerThread[]): void {
    const others = living.filter((other) => other !== thread);
    for (const other of others) this.#take(other);
    if (!others.some((other) => this.#holds.get(other) === 'leaving')) this.#order(thread, others);
  }

  #take(thread: WorkerThread): void {
    const hold = this.#holds.get(thread);
    if (hold !== 'ordered' && hold !== 'listening') return;
    this.#holds.set(thread, 'leaving');
    const { handOverMs } = this.#times;
    this.#handOvers.set(thread, new Allowance(handOverMs, () => this.#overdue(thread)));
    thread.send({ type: 'unbind' });
  }

  #overdue(thread: WorkerThread): void {
    this.#holds.set(thread, 'kept');
    this.#options.keepsPort(thread);
    this.#settle();
  }

  #order(thread: WorkerThread, others: readonly WorkerThread[]): void {
    const { worker, generation } = thread;
    const ports = this.#options.ports!;
    const { sharedMs, bindMs } = this.#times;
    const isShared = ports.isShared(worker);
    // A port that is in use when the process starts belongs to another program, unless the primary had it.
    const isFirst = generation === 1 && !this.#expected.has(worker) && ports.vacate === undefined;
    const withinMs = isShared ? sharedMs : isFirst ? 0 : bindMs;
    const isKept = others.some((other) => this.#holds.get(other) === 'kept');
    this.#holds.set(thread, 'ordered');
    const mayReturn = withinMs === bindMs && !isKept && others.some(({ state }) => mayServe(state));
    if (mayReturn) {
      const ms = this.#listenMs.get(thread) ?? this.#times.listenMs;
      this.#listens.set(thread, new Allowance(ms, () => this.#late(thread, ms)));
    }
    if (!isShared && ports.vacate !== undefined) this.#vacate(worker);
    thread.send({ type: 'listen', port: ports.of(worker), withinMs, isShared, isKept });
  }

  /** The primary gives up the port. If the worker was reported as silent, it is to be reported again. */
  #vacate(worker: number): void {
    this.#options.ports?.vacate?.(worker);
    this.#expected.add(worker);
    if (this.#silences.get(worker) === undefined) this.#silences.delete(worker);
  }

  /** Gives the port back to a thread that serves. */
  #late(thread: WorkerThread, ms: number): void {
    this.#listens.delete(thread);
    this.#listenMs.set(thread, LATER_TIMES * ms);
    this.#holds.set(thread, 'late');
    thread.send({ type: 'unbind' });
    this.#options.lateToListen(thread);
    this.#settle();
  }

  /** The thread that kept the port has given it up: those that could not listen can now. */
  #endRest(worker: number): void {
    for (const [thread, hold] of this.#holds)
      if (thread.worker === worker && hold === 'resting') this.#forget(thread);
  }

  #forget(thread: WorkerThread): void {
    this.#holds.delete(thread);
    this.#listens.get(thread)?.cancel();
    this.#listens.delete(thread);
    this.#handOvers.get(thread)?.cancel();
    this.#handOvers.delete(thread);
  }

  /** Reports a worker that has no listener: at once when no thread serves, else after a while. */
  #watchSilence({ worker }: WorkerEntry, living: readonly WorkerThread[]): void {
    const isServing = living.some(({ state }) => mayServe(state));
    if (living.some((thread) => this.#isListening(thread))) {
      this.#silences.get(worker)?.cancel();
      this.#silences.delete(worker);
      return;
    }
    const isKnown = this.#silences.has(worker);
    const isExpected = this.#expected.has(worker);
    // A thread that was ordered has its time.
    const isOrdered = living.some((thread) => this.#holds.get(thread) === 'ordered');
    if (isExpected && !isServing && !isOrdered) {
      if (!isKnown || this.#silences.get(worker) !== undefined) this.#reportSilence(worker);
    } else if (!isKnown && (isServing || isExpected)) {
      // A worker that serves before it has listened waits for the port of a predecessor process.
      const ms = isExpected ? this.#times.silentMs : this.#times.sharedMs;
      this.#silences.set(worker, new Allowance(ms, () => this.#reportSilence(worker)));
    }
  }

  #isListening(thread: WorkerThread): boolean {
    const { state } = thread;
    return this.#holds.get(thread) === 'listening' && (state.kind === 'starting' || mayServe(state));
  }

  #reportSilence(worker: number): void {
    const { ports, workers } = this.#options;
    this.#silences.get(worker)?.cancel();
    this.#silences.set(worker, undefined);
    if (ports?.vacate !== undefined && !ports.isShared(worker))
      for (const thread of workers.entryOf({ worker }).threads)
        if (this.#holds.get(thread) === 'ordered') this.#rest(thread);
    ports?.silent(worker);
  }

  /** The primary listens for a while, because the thread cannot. */
  #rest(thread: WorkerThread): void {
    const ms = this.#restMs.get(thread) ?? this.#times.restMs;
    this.#restMs.set(thread, Math.min(2 * ms, MOST_REST_MS));
    this.#listens.get(thread)?.cancel();
    this.#holds.set(thread, 'resting');
    thread.send({ type: 'unbind' });
    this.#listens.set(
      thread,
      new Allowance(ms, () => {
        this.#forget(thread);
        this.#settle();
      }),
    );
  }
}
