// How long the server is expected to take for a statement, learned from how long it took before.

/** The guess for a statement that has not been carried out yet, ms. */
const UNKNOWN_MS = 5;
/**
 * Times that all weigh the same; later on a new time replaces this part of the mean. Fewer: a pause passes
 * for a change.
 */
const REMEMBERED = 16;

export class StatementCost {
  #ms = UNKNOWN_MS;
  #times = 1; // the guess

  /** Mean of the times it took, newer ones weighing more. */
  get ms(): number {
    return this.#ms;
  }

  learn(tookMs: number): void {
    if (this.#times < REMEMBERED) this.#times++;
    this.#ms += (tookMs - this.#ms) / this.#times;
  }
}
