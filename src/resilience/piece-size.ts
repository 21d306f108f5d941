/**
 * A larger error counts as this many standard deviations. So rare events such as pauses, in fewer than one of
 * 25 windows, have no lasting effect.
 */
const MOST_DEVIATION = 5;
/** The weight that older windows keep when a window is added. */
const KEPT = 0.99;
/**
 * The bound of `dispersionMs`. A route whose cost is counted as entering instead of leaving makes errors that
 * look like differences between requests. With the bound such an error is corrected even when very many
 * requests arrive.
 */
const MOST_DISPERSION_MS = 60;
/**
 * The first windows are not used for the differences between requests: their errors come from costs that are
 * not known yet.
 */
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
   * Sums over recent windows of the squared errors (without noise) and of the errors, and the number of
   * windows. The variance follows from them: a constant error means a wrong estimate, and is not a difference
   * between requests.
   */
  #errorSquares = 0;
  #errorsMs = 0;
  #windows = 0;
  #unknown = UNKNOWN_WINDOWS;

  /** The size of the pieces, in milliseconds. */
  get ms(): number {
    return this.#squares / Math.max(1, this.#workMs) + this.dispersionMs;
  }

  /**
   * The part of the size that comes from differences between requests of one route: the variance that they
   * add to the work of a window, divided by that work.
   */
  get dispersionMs(): number {
    const squares = this.#errorSquares - this.#errorsMs ** 2 / Math.max(1, this.#windows);
    return Math.min(MOST_DISPERSION_MS, Math.max(0, squares) / Math.max(1, this.#workMs));
  }

  /**
   * Adds a window.
   * @param squares sum over the requests of work times cost
   * @param variance the variance of the error, without that from differences between requests
   * @param coreMs standard deviation of the time that other programs take on the same core
   * @returns the variance including that from differences between requests
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
