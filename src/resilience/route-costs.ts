// What a request of each route costs its thread, learned from how busy the thread was while how many requests of which
// routes entered and left. Nothing is measured per request: it is the demand estimation by utilisation and throughput
// of Pacifici, Segmuller, Spreitzer and Tantawi (2008), solved one window at a time by a Kalman filter whose
// covariance is kept diagonal, so that a window costs a few operations for each route that was used in it.
//
// A request has two costs, of entering (up to its first wait) and of leaving (after the last one): with long waits
// they lie in different windows. In between they are told apart no further; only their sum matters.

/** One unknown of the regression. */
class Estimate {
  value: number;
  variance: number;
  /** How often it occurred in the window that is running. */
  count = 0;
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

  /** It may have changed since it was last seen: by a fixed step, and by 2 % of what it is. */
  forget(): void {
    this.doubt((0.02 * this.value + this.#drift) ** 2);
  }

  doubt(variance: number): void {
    this.variance = Math.min(this.#mostVariance, this.variance + variance);
  }

  correct(errorMs: number, totalVariance: number): void {
    const gain = (this.variance * this.count) / totalVariance;
    this.value = Math.min(this.#most, Math.max(0, this.value + gain * errorMs));
    this.variance *= Math.max(0.02, 1 - gain * this.count);
  }
}

/** A new route may cost some milliseconds. One that costs much more is an outlier until it is seen to be none. */
const ROUTE_VARIANCE = 3 ** 2;
const MOST_ROUTE_VARIANCE = 50 ** 2;
const MOST_COST_MS = 10_000;
const ROUTE_DRIFT_MS = 0.001;
/** Requests until a cost counts in full: the first ones of a route run code that is not compiled yet. */
const TRUSTED_REQUESTS = 100;

const routeEstimate = (): Estimate =>
  new Estimate(0, ROUTE_VARIANCE, MOST_COST_MS, ROUTE_DRIFT_MS, MOST_ROUTE_VARIANCE);

export class RouteCost {
  readonly entering = routeEstimate();
  readonly leaving = routeEstimate();
  /** Milliseconds that the next request is expected to cost, as far as that is known. Read per request. */
  expectedMs = 0;
  #requests = 0;

  /** What another thread has learned, milliseconds. */
  assume(enteringMs: number, leavingMs: number): void {
    this.entering.value = enteringMs;
    this.leaving.value = leavingMs;
    for (const cost of [this.entering, this.leaving]) cost.variance = (0.05 + 0.5 * cost.value) ** 2;
    this.#requests = TRUSTED_REQUESTS;
    this.expectedMs = enteringMs + leavingMs;
  }

  /** The window is over. */
  renew(): void {
    if (this.entering.count === 0 && this.leaving.count === 0) return;
    this.#requests = Math.min(TRUSTED_REQUESTS, this.#requests + this.entering.count);
    this.expectedMs = ((this.entering.value + this.leaving.value) * this.#requests) / TRUSTED_REQUESTS;
    this.entering.count = 0;
    this.leaving.count = 0;
  }
}

export interface CostWindow {
  readonly elapsedMs: number;
  readonly busyMs: number;
  readonly refused: number;
}

/** Standard deviation of the busy time of a window that the estimates explain: fixed, and by its length. */
const NOISE_MS = 0.5;
const NOISE_SHARE = 0.03;
const LONG_WINDOW_MS = 100;
/** A window this many standard deviations off is an outlier: a pause, or the costs have changed. */
const OUTLIER = 3;
/** Outliers in a row, all on one side, that mean a change. */
const CHANGED_AFTER = 3;
/** Variance that a change adds to each route, as a share of what it would take to explain the window alone. */
const CHANGE_SHARE = 0.05;

export class RouteCosts {
  readonly #routes: RouteCost[] = [];
  /** Share of the time that is used by what is no request: timers, WebSockets, streams. */
  readonly #background = new Estimate(0, 0.03 ** 2, 0.9, 0.003, 0.2 ** 2);
  readonly #refusal = new Estimate(0.015, 0.005 ** 2, 0.1, 0.0001);
  #outliers = 0;
  /** Of the outliers in a row, the smallest error relative to what was expected. */
  #leastError = 0;

  get background(): number {
    return this.#background.value;
  }

  /** Milliseconds of one refusal. */
  get refusalMs(): number {
    return this.#refusal.value;
  }

  add(): RouteCost {
    const route = new RouteCost();
    this.#routes.push(route);
    return route;
  }

  /** Learns from a window and begins the next one. */
  learn({ elapsedMs, busyMs, refused }: CostWindow): void {
    this.#background.count = elapsedMs;
    this.#refusal.count = refused;
    const seen = [this.#background, this.#refusal];
    for (const { entering, leaving } of this.#routes) seen.push(entering, leaving);
    const used = seen.filter(({ count }) => count > 0);
    let expectedMs = 0;
    let variance = (NOISE_MS + NOISE_SHARE * Math.min(busyMs, LONG_WINDOW_MS)) ** 2;
    for (const estimate of used) {
      estimate.forget();
      expectedMs += estimate.value * estimate.count;
      variance += estimate.variance * estimate.count ** 2;
    }
    this.#correct(used, busyMs - expectedMs, expectedMs + NOISE_MS, variance);
    for (const route of this.#routes) route.renew();
  }

  #correct(used: readonly Estimate[], errorMs: number, scaleMs: number, variance: number): void {
    if (Math.abs(errorMs) <= OUTLIER * Math.sqrt(variance)) {
      this.#outliers = 0;
      for (const estimate of used) estimate.correct(errorMs, variance);
      return;
    }
    const side = Math.sign(errorMs);
    const isSameSide = Math.sign(this.#outliers) === side;
    const error = Math.abs(errorMs) / scaleMs;
    this.#outliers = isSameSide ? this.#outliers + side : side;
    this.#leastError = isSameSide ? Math.min(this.#leastError, error) : error;
    if (Math.abs(this.#outliers) >= CHANGED_AFTER)
      this.#change(used, side * this.#leastError * scaleMs, variance);
  }

  /** Pauses differ in length; a cost that has changed shows in all windows alike. */
  #change(used: readonly Estimate[], errorMs: number, variance: number): void {
    let total = variance;
    for (const estimate of used) {
      if (estimate === this.#background || estimate === this.#refusal) continue;
      const added = CHANGE_SHARE * (errorMs / estimate.count) ** 2;
      estimate.doubt(added);
      total += added * estimate.count ** 2;
    }
    for (const estimate of used) estimate.correct(errorMs, total);
  }
}
