// What a request of each route costs its thread, learned from how busy the thread was while how many requests
// of which routes entered and left. Nothing is measured per request: it is the demand estimation by
// utilisation and throughput of Pacifici, Segmuller, Spreitzer and Tantawi (2008), solved one window at a
// time by a Kalman filter whose covariance is kept diagonal, so that a window costs a few operations for each
// route that was used in it.
//
// A request has two costs, of entering (up to its first wait) and of leaving (after the last one): with long
// waits they lie in different windows. In between they are told apart no further; only their sum matters.

/** One unknown of the regression. */
class Estimate {
  value: number;
  variance: number;
  /** How often it occurred in the window that is running. */
  count = 0;
  /** Outliers in a row among the windows in which it occurred; negative: less was done than expected. */
  outliers = 0;
  /** Of them, the smallest error relative to what was expected. */
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

  /** It may have changed since it was last seen: by a fixed step, and by 2 % of what it is. */
  forget(): void {
    this.doubt((0.02 * this.value + this.#drift) ** 2);
  }

  doubt(variance: number): void {
    this.variance = Math.min(this.#mostVariance, this.variance + variance);
  }

  /** The window was an outlier; 0: it was none. */
  noteOutlier(side: number, error: number): void {
    const isSameSide = side !== 0 && Math.sign(this.outliers) === side;
    this.outliers = isSameSide ? this.outliers + side : side;
    this.leastError = isSameSide ? Math.min(this.leastError, error) : error;
  }

  correct(errorMs: number, totalVariance: number): void {
    const gain = (this.variance * this.count) / totalVariance;
    this.value = Math.min(this.#most, Math.max(0, this.value + gain * errorMs));
    this.variance *= Math.max(0.02, 1 - gain * this.count);
  }
}

/**
 * A new route may cost some milliseconds. One that costs much more is an outlier until it is seen to be none.
 */
const ROUTE_VARIANCE = 3 ** 2;
const MOST_ROUTE_VARIANCE = 50 ** 2;
const MOST_COST_MS = 10_000;
const ROUTE_DRIFT_MS = 0.001;
/** Requests until a cost counts in full: the first ones of a route run code that is not compiled yet. */
const TRUSTED_REQUESTS = 100;
const TRUSTED_MS = 500;

const routeEstimate = (): Estimate =>
  new Estimate(0, ROUTE_VARIANCE, MOST_COST_MS, ROUTE_DRIFT_MS, MOST_ROUTE_VARIANCE);

export class RouteCost {
  readonly entering = routeEstimate();
  readonly leaving = routeEstimate();
  /** Milliseconds that the next request is expected to cost, as far as that is known. Read per request. */
  expectedMs = 0;
  /** 0..1: how far what was seen of its own requests counts. */
  #trust = 0;

  /** Milliseconds of one request, by what was seen. */
  get costMs(): number {
    return this.entering.value + this.leaving.value;
  }

  /** 0..1: how far too few of its requests were seen to know what one costs. */
  get novelty(): number {
    return 1 - this.#trust;
  }

  /** Enough of its requests were seen to say that the next one costs less. */
  isBelow(ms: number): boolean {
    return this.#trust === 1 && this.expectedMs < ms;
  }

  /** What another thread has learned, milliseconds. */
  assume(enteringMs: number, leavingMs: number): void {
    this.entering.value = enteringMs;
    this.leaving.value = leavingMs;
    for (const cost of [this.entering, this.leaving]) cost.variance = (0.05 + 0.5 * cost.value) ** 2;
    this.#trust = 1;
    this.expectedMs = this.costMs;
  }

  /** The window is over. */
  renew(): void {
    this.#trust = Math.min(1, this.#trust + trustIn(this.entering.count, this.entering.count * this.costMs));
    this.entering.count = 0;
    this.leaving.count = 0;
  }

  /**
   * A window begins for it. As long as nothing was seen of it, it may cost as much as other unknown routes.
   */
  meet(unknown: UnknownRoutes): void {
    if (this.#trust === 0)
      for (const cost of [this.entering, this.leaving]) cost.doubt(unknown.expectedMs ** 2);
    this.expect(unknown);
  }

  expect(unknown: UnknownRoutes): void {
    this.expectedMs = this.costMs * this.#trust + unknown.expectedMs * (1 - this.#trust);
  }
}

/** How far a cost counts of which so many requests were seen. */
const trustIn = (requests: number, workMs: number): number =>
  Math.min(1, Math.max(requests / TRUSTED_REQUESTS, workMs / TRUSTED_MS));

/**
 * Of what is known of unknown routes, the share that one window leaves to the next: about a second is
 * remembered.
 */
const UNKNOWN_KEPT = 0.95;
/** Requests within it until it counts in full: of each route one in a window. */
const TRUSTED_UNKNOWN = 20;

/**
 * Requests of routes of which too few were seen. What one of them costs is not known. But where many routes
 * are used it is known what they cost together, long before a hundred requests of each have come: what
 * windows were busy with beside that which is known. Nothing that was only believed counts as seen.
 */
class UnknownRoutes {
  /** What one is expected to cost its thread, as far as that is known, milliseconds. */
  expectedMs = 0;
  #requests = 0;
  #workMs = 0;
  #seen = 0;

  /** @param besideMs what the window was busy with beside what is known of it */
  note(routes: readonly RouteCost[], besideMs: number): void {
    this.#requests *= UNKNOWN_KEPT;
    this.#workMs *= UNKNOWN_KEPT;
    this.#seen *= UNKNOWN_KEPT;
    let unknown = 0;
    for (const { novelty, entering } of routes) {
      this.#seen += novelty * Math.min(1, entering.count);
      unknown += novelty * entering.count;
    }
    this.#requests += unknown;
    if (this.#requests > 0) this.#workMs += Math.max(0, besideMs);
    const trust = Math.min(1, this.#seen / TRUSTED_UNKNOWN);
    this.expectedMs = this.#requests > 0 ? (this.#workMs / this.#requests) * trust : 0;
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
/** What other programs on its core add to a window says nothing about the size of pieces. */
const CORE_NOISE_SHARE = 0.15;
/** A window this many standard deviations off is an outlier: a pause, or the costs have changed. */
const OUTLIER = 3;
/** Where requests of a route differ, one of the large ones is none. */
const ORDINARY_PIECES = 2;
/**
 * So many standard deviations of a window count for the size of pieces. What happens in less than one of 25
 * windows, as pauses do, has no say then: it would have to be larger every time to make the deviation grow.
 */
const MOST_DEVIATION = 5;
/** Outliers in a row, all on one side, that mean a change. */
const CHANGED_AFTER = 3;
/** Variance that a change adds to each cost, as a share of what it would take to explain the window alone. */
const CHANGE_SHARE = 0.05;

/** Of what is known of the size of pieces, the share that a window leaves. */
const KEPT = 0.99;
/**
 * A cost that is counted before the wait instead of after it makes errors that look like dispersion. Bounded,
 * it can be corrected also in a flood.
 */
const MOST_DISPERSION_MS = 60;
/** In the first windows, errors come from costs that are not known yet. */
const UNKNOWN_WINDOWS = 20;

/**
 * Size of the pieces that work comes in: the mean cost of requests, weighted by cost, which is the second
 * moment by the first. Queues that chance makes grow with it. Routes differ in what is known of them,
 * requests of one route in what windows differ from what was expected of them.
 */
class Pieces {
  /** Of recent windows. */
  #workMs = 0;
  #squares = 0;
  /**
   * Errors that are no noise, squared; the errors themselves, and how many: a wrong estimate is no
   * dispersion.
   */
  #errorSquares = 0;
  #errorsMs = 0;
  #windows = 0;
  #unknown = UNKNOWN_WINDOWS;

  get ms(): number {
    return this.#squares / Math.max(1, this.#workMs) + this.dispersionMs;
  }

  /** Variance that requests of one route add to the work of a window, by that work. */
  get dispersionMs(): number {
    const squares = this.#errorSquares - this.#errorsMs ** 2 / Math.max(1, this.#windows);
    return Math.min(MOST_DISPERSION_MS, Math.max(0, squares) / Math.max(1, this.#workMs));
  }

  /**
   * @param squares work of each request times its cost
   * @param variance of the error, as far as it is known
   * @param coreMs standard deviation of what other programs add to it
   * @returns variance with that of the requests
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

export class RouteCosts {
  /** Share of the time that is used by what is no request: timers, WebSockets, streams. */
  readonly #background = new Estimate(0, 0.03 ** 2, 0.9, 0.003, 0.2 ** 2);
  /**
   * Many in one window, so a little more for each is much; where other programs take the core it is ten times
   * as much.
   */
  readonly #refusal = new Estimate(0.015, 0.02 ** 2, 0.5, 0.001, 0.1 ** 2);
  readonly #pieces = new Pieces();
  readonly #unknown = new UnknownRoutes();

  get background(): number {
    return this.#background.value;
  }

  /** Milliseconds of one refusal. */
  get refusalMs(): number {
    return this.#refusal.value;
  }

  /** Size of the pieces that work comes in, milliseconds. */
  get pieceMs(): number {
    return this.#pieces.ms;
  }

  /** Call before the first request of a route that enters or leaves in a window. */
  meet(route: RouteCost): void {
    route.meet(this.#unknown);
  }

  /**
   * Learns from a window and begins the next one.
   * @param routes those that were used in it
   */
  learn({ elapsedMs, busyMs, refused }: CostWindow, routes: readonly RouteCost[]): void {
    // A window that something has stretched tells no more about the share of the time than one of a usual
    // length.
    this.#background.count = Math.min(elapsedMs, LONG_WINDOW_MS);
    this.#refusal.count = refused;
    const costs = routes.flatMap(({ entering, leaving }) => [entering, leaving]);
    const used = [this.#background, this.#refusal, ...costs].filter(({ count }) => count > 0);
    let expectedMs = this.#background.value * (elapsedMs - this.#background.count);
    let variance = (NOISE_MS + NOISE_SHARE * Math.min(busyMs, LONG_WINDOW_MS)) ** 2;
    for (const estimate of used) {
      estimate.forget();
      expectedMs += estimate.value * estimate.count;
      variance += estimate.variance * estimate.count ** 2;
    }
    let workMs = 0;
    let squares = 0;
    let besideMs = busyMs - this.#background.value * elapsedMs - this.#refusal.value * refused;
    for (const { entering, leaving, costMs, novelty } of routes) {
      const routeMs = entering.value * entering.count + leaving.value * leaving.count;
      workMs += routeMs;
      squares += routeMs * costMs;
      besideMs -= routeMs * (1 - novelty);
    }
    const errorMs = busyMs - expectedMs;
    const coreMs = CORE_NOISE_SHARE * Math.min(busyMs, LONG_WINDOW_MS);
    variance = this.#pieces.note(workMs, squares, errorMs, variance, coreMs);
    this.#correct(used, errorMs, expectedMs + NOISE_MS, variance);
    this.#unknown.note(routes, besideMs);
    for (const route of routes) {
      route.renew();
      route.expect(this.#unknown);
    }
  }

  #correct(used: readonly Estimate[], errorMs: number, scaleMs: number, variance: number): void {
    const ordinaryMs = Math.max(OUTLIER * Math.sqrt(variance), ORDINARY_PIECES * this.#pieces.dispersionMs);
    const isOutlier = Math.abs(errorMs) > ordinaryMs;
    const side = isOutlier ? Math.sign(errorMs) : 0;
    for (const estimate of used) estimate.noteOutlier(side, Math.abs(errorMs) / scaleMs);
    if (!isOutlier) for (const estimate of used) estimate.correct(errorMs, variance);
    else this.#change(used, side * scaleMs, variance);
  }

  /** Pauses differ in length; a cost that has changed shows alike in all windows in which it occurs. */
  #change(used: readonly Estimate[], scaleMs: number, variance: number): void {
    const changed = used.filter((one) => one !== this.#background && Math.abs(one.outliers) >= CHANGED_AFTER);
    if (changed.length === 0) return;
    const errorMs = scaleMs * Math.min(...changed.map(({ leastError }) => leastError));
    let total = variance;
    for (const estimate of changed) {
      const added = CHANGE_SHARE * (errorMs / estimate.count) ** 2;
      estimate.doubt(added);
      total += added * estimate.count ** 2;
    }
    for (const estimate of changed) estimate.correct(errorMs, total);
  }
}
