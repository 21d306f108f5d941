// The estimated cost of one route, which route-costs.ts corrects in every window and the admission of
// requests reads. A cost is trusted little by little. Until then the mean of such routes (unknown-routes.ts)
// fills in.
import { Estimate } from './cost-estimate.js';
import type { UnknownRoutes } from './unknown-routes.js';

/**
 * The variance of the cost of a new route: some milliseconds are expected. A much larger cost is an outlier
 * until it has been seen several times.
 */
const ROUTE_VARIANCE = 3 ** 2;
/** The variance never exceeds this, however uncertain a cost becomes. */
const MOST_ROUTE_VARIANCE = 50 ** 2;
const MOST_COST_MS = 10_000;
/** A cost may change by this from one window to the next, and by a share of itself (`Estimate.forget`). */
const ROUTE_DRIFT_MS = 0.001;
/**
 * Requests until a cost is fully trusted: the first requests of a route run code that is not compiled yet.
 */
const TRUSTED_REQUESTS = 100;
/** Milliseconds of work after which a cost is fully trusted, even with fewer requests. */
const TRUSTED_MS = 500;

const routeEstimate = (): Estimate =>
  new Estimate(0, ROUTE_VARIANCE, MOST_COST_MS, ROUTE_DRIFT_MS, MOST_ROUTE_VARIANCE);

/** The estimated cost of a request of one route, in time of its thread. */
export class RouteCost {
  readonly entering = routeEstimate();
  readonly leaving = routeEstimate();
  /**
   * Milliseconds that the next request is expected to cost; 0 while nothing is known. It is read for every
   * request.
   */
  expectedMs = 0;
  /** How far the estimate from the route's own requests is trusted: 0 not at all, 1 fully. */
  #trust = 0;

  /** Milliseconds of one request, as estimated from its own requests. */
  get costMs(): number {
    return this.entering.value + this.leaving.value;
  }

  /** 1 while nothing is known about the cost, 0 when it is known. */
  get novelty(): number {
    return 1 - this.#trust;
  }

  /** Whether the cost is known and lower than `ms`. */
  isBelow(ms: number): boolean {
    return this.#trust === 1 && this.expectedMs < ms;
  }

  /** Starts with the costs that another thread has learned, in milliseconds. */
  assume(enteringMs: number, leavingMs: number): void {
    this.entering.value = enteringMs;
    this.leaving.value = leavingMs;
    for (const cost of [this.entering, this.leaving]) cost.variance = (0.05 + 0.5 * cost.value) ** 2;
    this.#trust = 1;
    this.expectedMs = this.costMs;
  }

  /** Ends a window: its requests make the cost more trusted. */
  renew(): void {
    this.#trust = Math.min(1, this.#trust + trustIn(this.entering.count, this.entering.count * this.costMs));
    this.entering.count = 0;
    this.leaving.count = 0;
  }

  /**
   * Call it before the first request of the route in a window. As long as nothing is known about the route,
   * it is expected to cost as much as other unknown routes.
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

/** How much trust this many requests add. */
const trustIn = (requests: number, workMs: number): number =>
  Math.min(1, Math.max(requests / TRUSTED_REQUESTS, workMs / TRUSTED_MS));
