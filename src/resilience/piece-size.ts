/**
 * An error counts up to this many standard deviations. So events in fewer than one of 25 windows, such as
 * pauses, have no effect: each would have to be larger than the one before to make the deviation grow.
 */
const MOST_DEVIATION = 5;
/** The weight that older windows keep when a window is added. */
const KEPT = 0.99;
/**
 * A cost that is counted before the wait instead of after it makes errors that look like dispersion. The
 * bound lets it be corrected even in a flood.
 */
const MOST_DISPERSION_MS = 60;
/** In the first windows, errors come from costs that are not known yet. */
const UNKNOWN_WINDOWS = 20;

/**
 * Size of the pieces that work consists of: the mean cost of requests, weighted by cost, which is the second
 * moment divided by the first. Queues that form by chance grow with it. How much routes differ follows from
 * their estimates; how much requests of one route differ follows from the errors of the windows.
 */
export class PieceSize {
  /** Sums over recent windows. */
  #workMs = 0;
  #squares = 0;
  /**
   * Squares of the errors beyond noise, the errors, and their number: an estimate that is wrong on one side
   * is not dispersion.
   */
  #errorSquares = 0;
  #errorsMs = 0;
  #windows = 0;
  #unknown = UNKNOWN_WINDOWS;

  get ms(): number {
    return this.#squares / Math.max(1, this.#workMs) + this.dispersionMs;
  }

  /** Variance that requests of one route add to the work of a window, divided by that work. */
  get dispersionMs(): number {
    const squares = this.#errorSquares - this.#errorsMs ** 2 / Math.max(1, this.#windows);
    return Math.min(MOST_DISPERSION_MS, Math.max(0, squares) / Math.max(1, this.#workMs));
  }

  /**
   * Adds a window.
   * @param squares sum over the requests of work times cost
   * @param variance that of the error, without that of the requests
   * @param coreMs standard deviation of the time that other programs take on the same core
   * @returns the variance including that of the requests
   */
  note(workMs: number, squares: number, errorMs: number, variance: number, coreMs: number): number {
    if (workMs === 0) return variance;
    const whole = variance + this.dispersionMs * workMs;
    const most = MOST_DEVIATION * Math.sqrt(whole);
    const clippedMs = Math.min(most, Math.max(-most, errorMs));
    this.#workMs = this.#workMs * KEPT + Math.max(0, workMs + clippedMs);
    this.#squares = this.#squares * KEPT + squares;
    if (this.#unknown > 0) {
      this.#unknown--;
      return whole;
    }
    this.#errorSquares = this.#errorSquares * KEPT + Math.max(0, clippedMs ** 2 - variance - coreMs ** 2);
    this.#errorsMs = this.#errorsMs * KEPT + clippedMs;
    this.#windows = this.#windows * KEPT + 1;
    return whole;
  }
}
