// Estimates what a request costs when its route was hardly used yet. route-costs.ts passes on every window of
// 50 ms, and routes without a cost of their own take the mean that is estimated here.

/** A route that was used in a window. */
interface UsedRoute {
  /** From 1 while nothing is known about the cost of the route to 0 when its cost is known. */
  readonly novelty: number;
  /** Requests that entered in the window. */
  readonly entering: { readonly count: number };
}

/** The weight that older windows keep when a window is added: about one second is remembered. */
const UNKNOWN_KEPT = 0.95;
/** The mean is fully trusted after this number of requests; each route counts at most once per window. */
const TRUSTED_UNKNOWN = 20;

/**
 * The mean cost of requests of routes whose own costs are not known yet. When many routes are in use, this
 * mean is known long before each of them has had a hundred requests: it is the busy time of the windows that
 * known costs do not explain, divided by the number of such requests. Only measured time is counted, never
 * the expected cost of a route.
 */
export class UnknownRoutes {
  /**
   * Milliseconds that a request of an unknown route is expected to cost its thread; 0 while nothing is known.
   */
  expectedMs = 0;
  #requests = 0;
  #workMs = 0;
  #seen = 0;

  /**
   * Adds a window.
   * @param besideMs busy time of the window that known costs do not explain
   * @param weight of the window, below 1 for a long one, which may be a pause
   */
  note(routes: readonly UsedRoute[], besideMs: number, weight: number): void {
    this.#requests *= UNKNOWN_KEPT;
    this.#workMs *= UNKNOWN_KEPT;
    this.#seen *= UNKNOWN_KEPT;
    let unknown = 0;
    for (const { novelty, entering } of routes) {
      this.#seen += novelty * Math.min(1, entering.count);
      unknown += novelty * entering.count;
    }
    this.#requests += unknown * weight;
    if (this.#requests > 0) this.#workMs += Math.max(0, besideMs) * weight;
    const trust = Math.min(1, this.#seen / TRUSTED_UNKNOWN);
    this.expectedMs = this.#requests > 0 ? (this.#workMs / this.#requests) * trust : 0;
  }
}
