// Work that a thread has admitted and not done yet, in milliseconds of its own time: a virtual queue. An admission adds
// what its route is expected to cost, and every turn of the loop takes off the time that has passed. So the queue is
// known before it can be felt, also where the work comes after a wait, and it empties without a single completion. It
// is never longer than what is in flight: a request that has left has nothing left to do.

/** What one route has of the backlog. Belongs to `Backlog`. */
export interface RouteShare {
  work: number;
  epoch: number;
}

export const noShare = (): RouteShare => ({ work: 0, epoch: 0 });

/** Below this, what routes had before is forgotten: it is a billionth of the backlog. */
const LEAST_SCALE = 1e-9;

export class Backlog {
  /** Owed now. */
  ms = 0;
  /** Owed when the turn began. */
  startMs = 0;
  /** Admitted in this turn, what is done already included. */
  admittedMs = 0;
  /** The largest cost that was added since nothing was owed. */
  largestMs = 0;
  /**
   * Shares shrink together with the whole: they are kept divided by this factor, so that a turn need not touch each
   * of them. An epoch ends when nothing is left, and with it every share.
   */
  #scale = 1;
  #epoch = 1;

  /**
   * A turn begins.
   * @param workedMs time since the one before that was free for admitted work
   * @param inFlightMs cost of all requests that are in flight
   */
  turn(workedMs: number, inFlightMs: number): void {
    const before = this.ms;
    this.ms = Math.max(0, Math.min(before - workedMs, inFlightMs));
    this.startMs = this.ms;
    this.admittedMs = 0;
    if (this.ms > 0) this.#scale *= this.ms / before;
    else this.largestMs = 0;
    if (this.ms > 0 && this.#scale > LEAST_SCALE) return;
    this.#scale = 1;
    this.#epoch++;
  }

  add(costMs: number, share: RouteShare): void {
    this.ms += costMs;
    this.admittedMs += costMs;
    if (costMs > this.largestMs) this.largestMs = costMs;
    share.work = this.#workOf(share) + costMs / this.#scale;
    share.epoch = this.#epoch;
  }

  /** Takes back what was added in this turn. */
  remove(costMs: number, share: RouteShare): void {
    this.ms = Math.max(this.startMs, this.ms - costMs);
    share.work = Math.max(0, this.#workOf(share) - costMs / this.#scale);
  }

  /** Milliseconds of the backlog that belong to a route. */
  of(share: RouteShare): number {
    return this.#workOf(share) * this.#scale;
  }

  #workOf(share: RouteShare): number {
    return share.epoch === this.#epoch ? share.work : 0;
  }
}
