// Handles a worker whose event loop is stalled for STALL_MS, in steps. The thread gets no new connections.
// What it runs is interrupted, and the worker is replaced in order. Where that is not possible, a thread
// without an HTTP core is terminated. One with a core is wedged, and a successor starts beside it. A wedged
// thread is tried again from time to time, because its native code may return into a loop that can be
// interrupted. Heartbeats are read from shared memory, so a busy worker is watched as well.

import { type Every, ownInterval } from '../grouped-interval.js';
import { type Silence, silenceAfter } from './heartbeat-silence.js';
import { BEAT_MS } from './load-sampler.js';
import {
  isStalled,
  StallInterruption,
  type StallInterruptionOptions,
  type WatchedThread,
} from './stall-interruption.js';

export const LOOK_EVERY_MS = 25;
/**
 * The same while every thread has written a new heartbeat since the look before: each wake-up of a primary
 * that is idle costs more than the look itself.
 */
const CALM_LOOK_MS = 50;
/** The longest STALL_MS that is always watched closely: 25 ms more would delay the discovery noticeably. */
const SHORT_STALL_MS = 500;
/** The pause before a thread that could not be interrupted is tried again. It doubles with each try. */
const FIRST_RETRY_MS = 1_500;
/** The longest pause between two tries. */
const MAX_RETRY_MS = 60_000;

export interface StallLadderOptions extends StallInterruptionOptions {
  /** @default a timer of its own */
  readonly every?: Every;
  readonly threads: () => readonly WatchedThread[];
  readonly drainMs: number;
  /** A thread is stalled or wedged: logs what it was doing. Called before anything changes that. */
  logFlightRecord(thread: WatchedThread, reason: 'stalled' | 'wedged'): void;
}

export class StallLadder {
  readonly #options: StallLadderOptions;
  readonly #every: Every;
  #stop: () => void;
  #paceMs = LOOK_EVERY_MS;
  #silences = new Map<WatchedThread, Silence>();
  /** Threads on which an attempt is in progress. */
  readonly #busy = new Set<WatchedThread>();
  /** When threads that cannot be interrupted were last tried, and how long they are left alone. */
  readonly #retries = new WeakMap<WatchedThread, { readonly triedAt: number; readonly pauseMs: number }>();
  #lookedAt = performance.now();

  constructor(options: StallLadderOptions) {
    this.#options = options;
    this.#every = options.every ?? ownInterval;
    this.#stop = this.#every(this.#paceMs, () => this.#look());
  }

  stop(): void {
    this.#stop();
  }

  #look(): void {
    const now = performance.now();
    const sinceLookMs = now - this.#lookedAt;
    this.#lookedAt = now;
    const { stallMs } = this.#options;
    const silences = new Map<WatchedThread, Silence>();
    for (const thread of this.#options.threads()) {
      const { kind } = thread.state;
      if (kind === 'starting' || kind === 'dead') continue;
      const heartbeat = this.#options.heartbeat(thread.slot);
      // The thread has written no heartbeat yet, so it still loads its code, although its state is no longer
      // `starting`: it was ordered to drain meanwhile.
      if (heartbeat === 0) continue;
      const silence = silenceAfter(this.#silences.get(thread), heartbeat, sinceLookMs, stallMs);
      silences.set(thread, silence);
      if (this.#busy.has(thread)) continue;
      if (isStalled(thread)) {
        if (silence.ms === 0) this.#recovered(thread);
        else if (this.#isRetryDue(thread, now)) this.#occupy(thread, this.#retry(thread));
      } else if (silence.ms >= stallMs + BEAT_MS) this.#occupy(thread, this.#handleStall(thread));
    }
    this.#silences = silences;
    const isCalm = stallMs > SHORT_STALL_MS && [...silences.values()].every(({ ms }) => ms === 0);
    this.#lookEvery(isCalm ? CALM_LOOK_MS : LOOK_EVERY_MS);
  }

  #lookEvery(ms: number): void {
    if (this.#paceMs === ms) return;
    this.#paceMs = ms;
    this.#stop();
    this.#stop = this.#every(ms, () => this.#look());
  }

  #occupy(thread: WatchedThread, work: Promise<void>): void {
    const { worker, generation } = thread;
    this.#busy.add(thread);
    void work
      .catch((err: unknown) => {
        // The thread is tried again later, like one that could not be interrupted.
        this.#postponeRetry(thread);
        this.#options.log.error({ worker, generation, err }, 'handling a stalled worker failed');
      })
      .finally(() => this.#busy.delete(thread));
  }

  async #handleStall(thread: WatchedThread): Promise<void> {
    thread.stall();
    this.#options.logFlightRecord(thread, 'stalled');
    if (!(await this.#interrupt(thread))) await this.#giveUp(thread);
  }

  /**
   * Tries a thread again. If its state is `stalled` and not yet `wedged`, an earlier step has failed with an
   * exception, so it is given up now.
   */
  async #retry(thread: WatchedThread): Promise<void> {
    if (!(await this.#interrupt(thread)) && thread.state.kind === 'stalled') await this.#giveUp(thread);
    else this.#postponeRetry(thread);
  }

  /** @returns false when the thread cannot be interrupted and is still stalled */
  async #interrupt(thread: WatchedThread): Promise<boolean> {
    const outcome = await new StallInterruption(thread, this.#options).run();
    // The loop may run although there are no heartbeats, because a worker stops them at its end. The time
    // without a heartbeat is counted anew, so such a thread is examined once in STALL_MS and not at every
    // look.
    if (outcome === 'recovered') this.#silences.delete(thread);
    return outcome !== 'lost';
  }

  async #giveUp(thread: WatchedThread): Promise<void> {
    const { log, stallMs, drainMs } = this.#options;
    const { worker, generation } = thread;
    log.error(
      { worker, generation, stallMs },
      'worker is stalled and cannot be interrupted; starting a replacement',
    );
    this.#postponeRetry(thread);
    try {
      this.#options.logFlightRecord(thread, 'wedged');
    } finally {
      if (!thread.mayTerminate || !(await thread.terminate())) thread.wedge(drainMs);
    }
  }

  #postponeRetry(thread: WatchedThread): void {
    const beforeMs = this.#retries.get(thread)?.pauseMs ?? FIRST_RETRY_MS / 2;
    const pauseMs = Math.min(2 * beforeMs, MAX_RETRY_MS);
    this.#retries.set(thread, { triedAt: performance.now(), pauseMs });
  }

  #isRetryDue(thread: WatchedThread, now: number): boolean {
    const retry = this.#retries.get(thread);
    return retry === undefined || now - retry.triedAt >= retry.pauseMs;
  }

  #recovered(thread: WatchedThread): void {
    const { worker, generation } = thread;
    this.#options.log.info({ worker, generation }, 'worker is no longer stalled');
    thread.resume();
  }
}
