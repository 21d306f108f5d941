// What all processes together have admitted of each key, by true time.

export interface LedgerTerms {
  readonly perSecond: number;
  readonly burst: number;
}

/** Rounding of times to units, and of the clocks. */
const ROUNDING_MS = 0.01;

/**
 * Checks that in every interval of t seconds at most B + N*t were admitted. That is so exactly when a limiter
 * by virtual scheduling with these numbers would have admitted everything, which needs one look at each
 * admission.
 */
export class Ledger {
  readonly #intervalMs: number;
  readonly #burst: number;
  #next = Number.NEGATIVE_INFINITY;
  /** The most that was admitted in any interval beyond B + N*t. */
  excess = 0;
  admitted = 0;

  constructor({ perSecond, burst }: LedgerTerms) {
    this.#intervalMs = 1_000 / perSecond;
    this.#burst = burst;
  }

  admit(now: number): void {
    this.admitted += 1;
    this.#next = Math.max(this.#next, now) + this.#intervalMs;
    const excess = (this.#next - now - ROUNDING_MS) / this.#intervalMs - this.#burst;
    this.excess = Math.max(this.excess, excess);
  }
}
