// The time that the server is expected to take for a statement, learned from the times that it took before.

/** Expected time of a statement that has not been carried out yet, in milliseconds. */
const UNKNOWN_MS = 5;
/**
 * Number of times of which the mean is taken; later on, each new time counts for one part in this many. With
 * a smaller number a single pause of the server would look like a change.
 */
const REMEMBERED = 16;

export class StatementCost {
  #ms = UNKNOWN_MS;
  /** Times that are in the mean; the expected time at the start counts as one. */
  #times = 1;

  /** Mean of the times, in milliseconds; newer ones count more. */
  get ms(): number {
    return this.#ms;
  }

  learn(tookMs: number): void {
    if (this.#times < REMEMBERED) this.#times++;
    this.#ms += (tookMs - this.#ms) / this.#times;
  }
}
