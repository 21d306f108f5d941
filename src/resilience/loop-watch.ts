// How much of a call's time its thread has watched. While the loop does not turn (the process is stopped, the
// machine is suspended or moved, a handler computes), responses that have arrived are not read, and timers
// are late: what then looks slow or timed out tells nothing about the endpoint.
import { performance } from 'node:perf_hooks';

export interface LoopTicker {
  /** Milliseconds on a clock that never steps. */
  now(): number;
  /** Calls `turn` every `ms` until the returned function is called. It must keep no process alive. */
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
const MOST_WATCHED_MS = 100;

/** What counts as watched of the time between two looks; the thread has missed what is beyond. */
export const watchedOf = (betweenMs: number): number => Math.min(betweenMs, MOST_WATCHED_MS);

export class LoopWatch {
  readonly #ticker: LoopTicker;
  #stop: (() => void) | undefined;
  /** Calls under way. */
  #calls = 0;
  #lookedAt = 0;
  /** Missed before the last look. */
  #missedMs = 0;

  constructor(ticker: LoopTicker = threadTicker) {
    this.#ticker = ticker;
  }

  /** Call when work begins that others do. @returns what `missedSince` takes */
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

  /** Call when the work has ended, once. */
  end(): void {
    this.#calls--;
  }

  /** The timer ends a look after the last call, so that it is not made anew for each. */
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

/** Of the thread that imports this module. */
export const threadWatch = new LoopWatch();

/** Watches nothing: all time counts. */
export const UNWATCHED: Watch = { begin: () => 0, missedSince: () => 0, end: () => undefined };

/** Whether a failure to respond within this time says anything about the other side. */
export const isEvidence = (tookMs: number, missedMs: number): boolean => missedMs <= tookMs / 2;
