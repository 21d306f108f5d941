// One number that route-costs.ts estimates, for example the cost of a request of a route. It is an unknown of
// a linear regression that a Kalman filter with a diagonal covariance solves, one window at a time.

/** An estimated value and how uncertain it is (its variance). */
export class Estimate {
  value: number;
  variance: number;
  /** How often the unknown occurred in the present window, for example the number of requests. */
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

  /**
   * Makes the value more uncertain at a new window, since it may have changed: by a fixed step and by 2 % of
   * itself.
   */
  forget(): void {
    this.doubt((0.02 * this.value + this.#drift) ** 2);
  }

  /** Makes the value more uncertain. */
  doubt(variance: number): void {
    this.variance = Math.min(this.#mostVariance, this.variance + variance);
  }

  /**
   * Counts outliers in a row on the same side.
   * @param side 1 when the window was busier than expected, -1 when it was less busy, 0 when it was no
   *   outlier
   */
  noteOutlier(side: number, error: number): void {
    const isSameSide = side !== 0 && Math.sign(this.outliers) === side;
    this.outliers = isSameSide ? this.outliers + side : side;
    this.leastError = isSameSide ? Math.min(this.leastError, error) : error;
  }

  /**
   * Corrects the value by its part of the error of the window: an uncertain value changes more than a certain
   * one.
   */
  correct(errorMs: number, totalVariance: number): void {
    const gain = (this.variance * this.count) / totalVariance;
    this.value = Math.min(this.#most, Math.max(0, this.value + gain * errorMs));
    this.variance *= Math.max(0.02, 1 - gain * this.count);
  }
}
