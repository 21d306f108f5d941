// The lease under which one worker runs a saga, as the worker counts it on its own monotonic clock.

/** A worker must miss several renewals in a row before its leases expire. */
export const LEASE_MS = 6000;
/** A step is interrupted this long before the lease expires: it needs time to notice. */
const MARGIN_MS = 500;

export class Lease {
  readonly #clock: () => number;
  /** The moment until which no other worker can have the saga. */
  #until: number;

  /** @param requestedAt on `clock`, before the journal was queried for the lease */
  constructor(clock: () => number, requestedAt: number) {
    this.#clock = clock;
    this.#until = requestedAt + LEASE_MS;
  }

  /**
   * True when the lease is about to expire. A step must not run any longer: another worker may claim the saga
   * and begin the same step.
   */
  get isOverdue(): boolean {
    return this.#clock() >= this.#until - MARGIN_MS;
  }

  /** @param requestedAt as in the constructor */
  renewed(requestedAt: number): void {
    this.#until = Math.max(this.#until, requestedAt + LEASE_MS);
  }
}
