// The cost of a request of each route, learned from how busy the thread was while requests of known routes
// entered and left. Nothing is measured per request: this is the demand estimation by utilisation and
// throughput of Pacifici, Segmuller, Spreitzer and Tantawi (2008), solved one window at a time by a Kalman
// filter whose covariance is kept diagonal, so that a window costs a few operations for each route used in
// it.
//
// A request has two costs, of entering (up to its first wait) and of leaving (after the last one): with long
// waits they fall into different windows. They are not told apart any further; only their sum matters.
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

/** Standard deviation of the busy time of a window that the estimates explain: fixed, and per length. */
const NOISE_MS = 0.5;
const NOISE_SHARE = 0.03;
const LONG_WINDOW_MS = 100;
/** The time that other programs take on the same core shows nothing about the size of pieces. */
const CORE_NOISE_SHARE = 0.15;
/** A window this many standard deviations away is an outlier: a pause, or the costs have changed. */
const OUTLIER = 3;
/** When requests of a route differ, a window with one large request is no outlier. */
const ORDINARY_PIECES = 2;
/** Outliers in a row, all on one side, that mean that a cost has changed. */
const CHANGED_AFTER = 3;
/** Variance that a change adds to each cost, as a share of the one that would explain the window alone. */
const CHANGE_SHARE = 0.05;

export class RouteCosts {
  /** Share of the time that timers, WebSockets and streams take, which are not requests. */
  readonly #background = new Estimate(0, 0.03 ** 2, 0.9, 0.003, 0.2 ** 2);
  /** The cost of one rejection. It is ten times as much while other programs use the core. */
  readonly #refusal = new Estimate(0.015, 0.02 ** 2, 0.5, 0.001, 0.1 ** 2);
  readonly #pieces = new PieceSize();
  readonly #unknown = new UnknownRoutes();

  /** Share of the time that is not spent on requests. */
  get background(): number {
    return this.#background.value;
  }

  /** Milliseconds of one refusal. */
  get refusalMs(): number {
    return this.#refusal.value;
  }

  /** Size of the pieces that work consists of, in milliseconds. */
  get pieceMs(): number {
    return this.#pieces.ms;
  }

  /** Call before the first request of a route enters or leaves in a window. */
  meet(route: RouteCost): void {
    route.meet(this.#unknown);
  }

  /**
   * Learns from a window and begins the next one.
   * @param routes those of which requests entered or left in it
   */
  learn({ elapsedMs, busyMs, refused }: CostWindow, routes: readonly RouteCost[]): void {
    // A window that was stretched is no better evidence for the share of the time than one of usual length.
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

  /** Pauses differ in length, but a cost that has changed makes similar errors in all its windows. */
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
