// The time that the server is expected to take for a statement, learned from the times that it took before.

/** Expected time of a statement that has not been carried out yet, in milliseconds. */
const UNKNOWN_MS = 5;
/**
 * The weight of the past: up to this number of measurements the mean is that of all, afterwards a new one
 * counts for one sixteenth. With a smaller number a single pause of the server would look like a change.
 */
const REMEMBERED = 16;

export class StatementCost {
  #ms = UNKNOWN_MS;
  /** The number of measurements in the mean, at most REMEMBERED; UNKNOWN_MS counts as the first. */
  #measurements = 1;

  /** The mean of the measured times, in milliseconds; newer ones count more. */
  get ms(): number {
    return this.#ms;
  }

  learn(tookMs: number): void {
    if (this.#measurements < REMEMBERED) this.#measurements++;
    this.#ms += (tookMs - this.#ms) / this.#measurements;
  }
}
