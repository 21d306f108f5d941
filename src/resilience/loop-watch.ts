// Measures the time of a call in which its own thread was stalled ("missed"). While the event loop is stalled
// (the process is stopped, the machine is suspended or moved, a handler computes), responses that have
// arrived are not read and timers are late. A call that then looks slow or timed out shows nothing about the
// endpoint.
import { performance } from 'node:perf_hooks';

export interface LoopTicker {
  /** Monotonic milliseconds. */
  now(): number;
  /** Calls `turn` every `ms` until the returned function is called. It must not keep the process alive. */
  every(ms: number, turn: () => void): () => void;
}

const threadTicker: LoopTicker = {
  now: () => performance.now(),
  every(ms, turn) {
    const timer = setInterval(turn, ms).unref();
    return () => clearInterval(timer);
  },
};

export type Watch = Pick<LoopWatch, 'begin' | 'missedSince' | 'end'>;

const LOOK_EVERY_MS = 50;
/** This much of the time between two looks counts as watched. */
export const MOST_WATCHED_MS = 100;

/** The part of the time between two looks that counts as watched; the thread has missed the rest. */
export const watchedOf = (betweenMs: number): number => Math.min(betweenMs, MOST_WATCHED_MS);

export class LoopWatch {
  readonly #ticker: LoopTicker;
  #stop: (() => void) | undefined;
  /** The number of calls that are running. */
  #calls = 0;
  #lookedAt = 0;
  /** Milliseconds missed before the last look. */
  #missedMs = 0;

  constructor(ticker: LoopTicker = threadTicker) {
    this.#ticker = ticker;
  }

  /** Call when the thread begins to wait for work of another process. @returns a mark for `missedSince` */
  begin(): number {
    this.#calls++;
    if (this.#stop === undefined) {
      this.#lookedAt = this.#ticker.now();
      this.#stop = this.#ticker.every(LOOK_EVERY_MS, () => this.#look());
    }
    return this.#missed();
  }

  /** Milliseconds that this thread has missed since `begin` returned this mark. */
  missedSince(mark: number): number {
    return this.#missed() - mark;
  }

  /** Call once when that work has ended. */
  end(): void {
    this.#calls--;
  }

  /** The timer runs until the first look without a call, so that it is not made anew for each call. */
  #look(): void {
    this.#missedMs = this.#missed();
    this.#lookedAt = this.#ticker.now();
    if (this.#calls > 0) return;
    this.#stop?.();
    this.#stop = undefined;
  }

  #missed(): number {
    const sinceLookMs = this.#ticker.now() - this.#lookedAt;
    return this.#missedMs + sinceLookMs - watchedOf(sinceLookMs);
  }
}

/** The watch of the thread that imports this module. */
export const threadWatch = new LoopWatch();

/** A watch that never misses anything: all time counts. */
export const UNWATCHED: Watch = { begin: () => 0, missedSince: () => 0, end: () => undefined };

/**
 * Whether a call that failed or got no response within this time shows anything about the callee: the thread
 * must not have missed more than half of the time.
 */
export const isEvidence = (tookMs: number, missedMs: number): boolean => missedMs <= tookMs / 2;
