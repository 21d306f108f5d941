// Estimates how much time of its thread a request of each route costs. By these costs the overload rule knows
// how much work a thread owes (thread-gate.ts). The estimates come from how busy the thread was in each
// window of 50 ms, and how many requests of each route entered and left in it; nothing is measured per
// request. This is the demand estimation by utilisation and throughput of Pacifici, Segmuller, Spreitzer and
// Tantawi (2008), solved one window at a time by a Kalman filter. Its covariance is kept diagonal, so that a
// window costs a few operations for each route used in it.
//
// A request has two costs: that of entering (up to its first wait) and that of leaving (after its last one),
// which fall into different windows when it waits for long. When both are in the same window they cannot be
// separated; that does no harm, because only their sum is used.
import { Estimate } from './cost-estimate.js';
import { PieceSize } from './piece-size.js';
import type { RouteCost } from './route-cost.js';
import { UnknownRoutes } from './unknown-routes.js';

/** What a thread measured in one window. */
export interface CostWindow {
  readonly elapsedMs: number;
  readonly busyMs: number;
  /** The number of requests that were rejected. */
  readonly refused: number;
}

/**
 * The busy time of a window differs by chance from what the estimates explain: by this standard deviation,
 * plus this share of the busy time.
 */
const NOISE_MS = 0.5;
const NOISE_SHARE = 0.03;
/** A longer window, which a long turn has caused, counts like one of this length. */
const LONG_WINDOW_MS = 100;
/**
 * The standard deviation of the time that other programs take on the same core, as a share of the busy time.
 * Such errors are not used to estimate the size of pieces.
 */
const CORE_NOISE_SHARE = 0.15;
/**
 * A window is an outlier when its busy time is this many standard deviations away from the expected one. Then
 * there was a pause, or the costs have changed.
 */
const OUTLIER = 3;
/**
 * When requests of one route differ in cost, one large request makes no outlier: the error has to be more
 * than this many pieces.
 */
const ORDINARY_PIECES = 2;
/**
 * A cost has changed when its windows were outliers this many times in a row, all busier or all less busy
 * than expected.
 */
const CHANGED_AFTER = 3;
/**
 * The variance that is added to each changed cost, as a share of the variance with which that cost alone
 * would explain the window.
 */
const CHANGE_SHARE = 0.05;

/**
 * The estimates of one thread: the costs of its routes, of rejections, and of all other things that it does.
 */
export class RouteCosts {
  /** Share of the time that timers, WebSockets and streams take, which are not requests. */
  readonly #background = new Estimate(0, 0.03 ** 2, 0.9, 0.003, 0.2 ** 2);
  /** The cost of one rejection. It is ten times as much while other programs use the core. */
  readonly #refusal = new Estimate(0.015, 0.02 ** 2, 0.5, 0.001, 0.1 ** 2);
  readonly #pieces = new PieceSize();
  readonly #unknown = new UnknownRoutes();

  /** Share of the time that the thread is busy with other things than requests. */
  get background(): number {
    return this.#background.value;
  }

  /** Milliseconds of one rejection. */
  get refusalMs(): number {
    return this.#refusal.value;
  }

  /** Size of the pieces that work consists of, in milliseconds: see piece-size.ts. */
  get pieceMs(): number {
    return this.#pieces.ms;
  }

  /**
   * Prepares a route for a window. Call it before the first request of the route enters or leaves in the
   * window.
   */
  meet(route: RouteCost): void {
    route.meet(this.#unknown);
  }

  /**
   * Learns from a window and begins the next one.
   * @param routes the routes of which requests entered or left in the window
   */
  learn({ elapsedMs, busyMs, refused }: CostWindow, routes: readonly RouteCost[]): void {
    // A window that a long turn has lengthened shows no more about the share of other things than a usual
    // one, so it is given no more weight.
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
    this.#unknown.note(routes, besideMs, Math.min(1, LONG_WINDOW_MS / elapsedMs));
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

  /**
   * Corrects only those costs that have changed. One outlier may be a pause, and pauses differ in length; a
   * cost that has changed makes similar errors in all its windows.
   */
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
