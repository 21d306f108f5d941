// A time limit that does not count pauses of this process (SIGSTOP, a frozen container). During a pause the
// process makes no progress and does not notice what others have done, so the pause must not use up the
// limit.

/**
 * Time is counted in pieces of at most this length. A piece in which the process was paused is granted once
 * more.
 */
const PIECE_MS = 500;
/** A timer that fires later than this was delayed by a pause. */
const LATE_MS = 500;
/** The least that is left after a pause, unless the whole limit is shorter: catching up takes time. */
const LEAST_MS = 1_000;

export class Allowance {
  readonly #spent: () => void;
  readonly #leastMs: number;
  /**
   * Number of pauses that may still be granted; it is bounded so that a process that is always late ends too.
   */
  #grants: number;
  #leftMs: number;
  #pieceMs = 0;
  #begunAt = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param spent called once when the time is used up, unless the allowance is cancelled before */
  constructor(ms: number, spent: () => void = () => undefined) {
    this.#spent = spent;
    this.#leftMs = ms;
    this.#leastMs = Math.min(ms, LEAST_MS);
    this.#grants = Math.ceil(ms / PIECE_MS);
    this.#wait();
  }

  /** Milliseconds that are left; 0 when the time is used up. */
  get leftMs(): number {
    if (this.#timer === undefined) return Math.max(0, this.#leftMs);
    const passedMs = performance.now() - this.#begunAt;
    if (!this.#isPause(passedMs)) return Math.max(0, this.#leftMs - passedMs);
    return Math.max(this.#leftMs, this.#leastMs);
  }

  cancel(): void {
    this.#leftMs = this.leftMs;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #isPause(passedMs: number): boolean {
    return this.#grants > 0 && passedMs > this.#pieceMs + LATE_MS;
  }

  #wait(): void {
    this.#pieceMs = Math.min(this.#leftMs, PIECE_MS);
    this.#begunAt = performance.now();
    this.#timer = setTimeout(() => {
      const isPause = this.#isPause(performance.now() - this.#begunAt);
      this.cancel();
      if (isPause) this.#grants--;
      if (this.#leftMs > 0) this.#wait();
      else this.#spent();
    }, this.#pieceMs);
  }
}

export interface WorkResult {
  /** False: the work was still running when its time was used up. */
  readonly hasEnded: boolean;
  /** Milliseconds that are left of the allowed time. */
  readonly leftMs: number;
}

/** Waits for the work, but no longer than its allowed time. Rejects when the work rejects. */
export function withAllowance(ms: number, work: Promise<unknown>): Promise<WorkResult> {
  return new Promise((resolve, reject) => {
    const allowance = new Allowance(ms, () => resolve({ hasEnded: false, leftMs: 0 }));
    work
      .then(() => resolve({ hasEnded: true, leftMs: allowance.leftMs }), reject)
      .finally(() => allowance.cancel());
  });
}
