import { Estimate } from './cost-estimate.js';
import type { UnknownRoutes } from './unknown-routes.js';

/**
 * A new route may cost some milliseconds. One that costs much more is an outlier until it has repeated
 * itself.
 */
const ROUTE_VARIANCE = 3 ** 2;
const MOST_ROUTE_VARIANCE = 50 ** 2;
const MOST_COST_MS = 10_000;
const ROUTE_DRIFT_MS = 0.001;
/**
 * Requests until a cost is fully trusted: the first requests of a route run code that is not compiled yet.
 */
const TRUSTED_REQUESTS = 100;
const TRUSTED_MS = 500;

const routeEstimate = (): Estimate =>
  new Estimate(0, ROUTE_VARIANCE, MOST_COST_MS, ROUTE_DRIFT_MS, MOST_ROUTE_VARIANCE);

/** What a request of one route costs its thread. */
export class RouteCost {
  readonly entering = routeEstimate();
  readonly leaving = routeEstimate();
  /** Milliseconds that the next request is expected to cost, as far as known. Read for every request. */
  expectedMs = 0;
  /** 0..1: how far the cost of its own requests is trusted. */
  #trust = 0;

  /** Milliseconds of one request, as estimated from its own requests. */
  get costMs(): number {
    return this.entering.value + this.leaving.value;
  }

  /** 0..1: how far its cost is not known yet. */
  get novelty(): number {
    return 1 - this.#trust;
  }

  /** Whether it is known well enough, and cheaper than this. */
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

  /** Call when a window has ended. */
  renew(): void {
    this.#trust = Math.min(1, this.#trust + trustIn(this.entering.count, this.entering.count * this.costMs));
    this.entering.count = 0;
    this.leaving.count = 0;
  }

  /**
   * Call before its first request in a window. A route of which nothing is known yet may cost as much as
   * other unknown routes.
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

/** How far this many requests make a cost trusted. */
const trustIn = (requests: number, workMs: number): number =>
  Math.min(1, Math.max(requests / TRUSTED_REQUESTS, workMs / TRUSTED_MS));
