// Time that threads or parts of this process, or a server, may take for something. A process that is paused
// (SIGSTOP, a frozen container) gets nothing done and sees nothing of what others do, so the time of a pause
// is not taken off.

/**
 * Time is taken off in pieces of at most this length. The piece in which the process is paused is granted
 * once more.
 */
const PIECE_MS = 500;
/** A timer that rings later than this has been held up by a pause. */
const LATE_MS = 500;
/** What a pause leaves, of more than that: what comes behind it takes its time. */
const LEAST_MS = 1_000;

export class Allowance {
  readonly #spent: () => void;
  readonly #leastMs: number;
  /** How many more pauses are granted. A process that is always late comes to an end as well. */
  #grants: number;
  #leftMs: number;
  #pieceMs = 0;
  #begunAt = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param spent called once, when all of it is spent, unless it is cancelled before */
  constructor(ms: number, spent: () => void = () => undefined) {
    this.#spent = spent;
    this.#leftMs = ms;
    this.#leastMs = Math.min(ms, LEAST_MS);
    this.#grants = Math.ceil(ms / PIECE_MS);
    this.#wait();
  }

  /** Milliseconds, 0 when it is spent. */
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

/** How work went that may take a while. */
export interface WorkResult {
  readonly hasEnded: boolean;
  /** Milliseconds that are left of what it may take. */
  readonly leftMs: number;
}

/** Resolves when the work has ended, or may take no longer. Rejects when it does. */
export function withAllowance(ms: number, work: Promise<unknown>): Promise<WorkResult> {
  return new Promise((resolve, reject) => {
    const allowance = new Allowance(ms, () => resolve({ hasEnded: false, leftMs: 0 }));
    work
      .then(() => resolve({ hasEnded: true, leftMs: allowance.leftMs }), reject)
      .finally(() => allowance.cancel());
  });
}
