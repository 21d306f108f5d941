// Which routes are in use: in this thread, and, when the permits of the process become scarce, in other
// threads as well. A route leaves room for others only while there are others in use.

/** The part of a route's shared cells that shows its use. */
export interface RouteUse {
  /** The number of its requests in flight, in all threads. */
  readonly inFlight: number;
  /** A number that changes as long as requests of the route arrive at any thread. */
  readonly uses: number;
  /** Call when requests of the route have arrived at this thread in a window. */
  used(): void;
}

/** A route counts as in use for this long after its last request. */
const IN_USE_MS = 10_000;

/** Routes that share their cells count as one. */
export class RoutesInUse {
  /** The `uses` of each route when they were last read. */
  readonly #usesSeen = new Map<RouteUse, number>();
  /** When each route in use was last used, the latest at the end. */
  readonly #usedAt = new Map<RouteUse, number>();

  add(route: RouteUse): void {
    this.#usesSeen.set(route, route.uses);
  }

  /** Whether several routes are known to be in use. */
  get areSeveral(): boolean {
    return this.#usedAt.size > 1;
  }

  /** Call when a request of the route has arrived at this thread in the last window. */
  note(route: RouteUse, now: number): void {
    route.used();
    this.#touch(route, now);
  }

  /** Removes the routes that are no longer in use. Call once per window, after `note`. */
  expire(now: number): void {
    for (const [route, usedAt] of this.#usedAt) {
      if (now - usedAt <= IN_USE_MS) break;
      this.#usedAt.delete(route);
    }
  }

  /** Adds routes that are in use in other threads, until several are known. */
  noteOtherThreads(now: number): void {
    for (const [route, before] of this.#usesSeen) {
      if (this.#usedAt.size > 1) break;
      const { uses } = route;
      this.#usesSeen.set(route, uses);
      if (uses !== before || route.inFlight > 0) this.#touch(route, now);
    }
  }

  /** Moves the route to the end. */
  #touch(route: RouteUse, now: number): void {
    this.#usedAt.delete(route);
    this.#usedAt.set(route, now);
  }
}
