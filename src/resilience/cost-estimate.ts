// An unknown of a linear regression that a Kalman filter with a diagonal covariance solves, one window at a
// time.

/** One unknown of the regression: its value and how uncertain it is. */
export class Estimate {
  value: number;
  variance: number;
  /** How often it occurred in the present window. */
  count = 0;
  /** Outliers in a row among the windows in which it occurred; negative when the windows were less busy. */
  outliers = 0;
  /** The smallest error of these outliers, relative to the expected time. */
  leastError = 0;
  readonly #mostVariance: number;
  readonly #drift: number;
  readonly #most: number;

  constructor(value: number, variance: number, most: number, drift: number, mostVariance = variance) {
    this.value = value;
    this.variance = variance;
    this.#mostVariance = mostVariance;
    this.#most = most;
    this.#drift = drift;
  }

  /** The value may have changed since the last window: by a fixed step, and by 2 % of itself. */
  forget(): void {
    this.doubt((0.02 * this.value + this.#drift) ** 2);
  }

  /** Makes the value more uncertain. */
  doubt(variance: number): void {
    this.variance = Math.min(this.#mostVariance, this.variance + variance);
  }

  /**
   * @param side 1 when the window was busier than expected, -1 when it was less busy, 0 when it was no
   *   outlier
   */
  noteOutlier(side: number, error: number): void {
    const isSameSide = side !== 0 && Math.sign(this.outliers) === side;
    this.outliers = isSameSide ? this.outliers + side : side;
    this.leastError = isSameSide ? Math.min(this.leastError, error) : error;
  }

  /** Moves the value by its part in the error of the window. */
  correct(errorMs: number, totalVariance: number): void {
    const gain = (this.variance * this.count) / totalVariance;
    this.value = Math.min(this.#most, Math.max(0, this.value + gain * errorMs));
    this.variance *= Math.max(0.02, 1 - gain * this.count);
  }
}
