// The shares of routes in the CPU time of the workers, over the last 30 seconds, from samples. A sample of a
// worker stands for the time since the sample before: that time counts for the route whose code runs at the
// moment of the sample, if any does. What a worker has used beyond that, by its own report, is `other`.
//
// All times are whole microseconds, so that a sum from which everything was subtracted is 0.

/** The number of seconds whose shares are shown. */
export const WINDOW_S = 30;

/** What was sampled in one second. */
interface Second {
  readonly number: number;
  readonly byRoute: Map<number, number>;
  /**
   * Below zero when more was sampled as routes than the workers report: samples are never exact, and a thread
   * may be in a route without running, because another program has its core.
   */
  otherUs: number;
}

export class RouteCpu {
  /** The seconds of the window, the oldest first. Seconds without a sample are absent. */
  readonly #seconds: Second[] = [];
  /** The sums of all seconds. */
  readonly #byRoute = new Map<number, number>();
  #otherUs = 0;
  /** By slot, what was sampled as routes since its worker last reported its CPU time. */
  readonly #unreportedUs: Float64Array;

  /** @param slots the number of slots, which begin with 1 */
  constructor(slots: number) {
    this.#unreportedUs = new Float64Array(slots + 1);
  }

  /** Forgets the seconds that are no longer in the window. @param now milliseconds of a monotonic clock */
  advance(now: number): void {
    const number = Math.floor(now / 1000);
    while (this.#seconds.length > 0 && this.#seconds[0]!.number <= number - WINDOW_S) this.#forgetOldest();
    if (this.#seconds.at(-1)?.number !== number)
      this.#seconds.push({ number, byRoute: new Map(), otherUs: 0 });
  }

  /**
   * Counts time of a route in the current second. Call `advance` before.
   * @param route any number that stands for the same route in all slots
   */
  ran(slot: number, route: number, us: number): void {
    add(this.#seconds.at(-1)!.byRoute, route, us);
    add(this.#byRoute, route, us);
    this.#unreportedUs[slot]! += us;
  }

  /** The worker of a slot has reported CPU time. Call `advance` before. */
  used(slot: number, us: number): void {
    const other = us - this.#unreportedUs[slot]!;
    this.#unreportedUs[slot] = 0;
    this.#seconds.at(-1)!.otherUs += other;
    this.#otherUs += other;
  }

  /**
   * What was sampled of a slot is compared with no report: the next one covers more time than was sampled, or
   * the thread has ended without one.
   */
  disregard(slot: number): void {
    this.#unreportedUs[slot] = 0;
  }

  /** Microseconds by route, those of routes without a sample excluded. */
  get byRoute(): ReadonlyMap<number, number> {
    return this.#byRoute;
  }

  /** Microseconds that belong to no route. */
  get otherUs(): number {
    return Math.max(0, this.#otherUs);
  }

  #forgetOldest(): void {
    const { byRoute, otherUs } = this.#seconds.shift()!;
    this.#otherUs -= otherUs;
    for (const [route, us] of byRoute) add(this.#byRoute, route, -us);
  }
}

function add(sums: Map<number, number>, route: number, us: number): void {
  const sum = (sums.get(route) ?? 0) + us;
  if (sum === 0) sums.delete(route);
  else sums.set(route, sum);
}
