// Work that a thread has admitted and not done yet, in milliseconds of its own time: a virtual queue. An
// admission adds what its route is expected to cost, and every turn of the loop takes off the time that has
// passed. So the queue is known before it can be felt, also where the work comes after a wait, and it empties
// without a single completion. It is never longer than what is in flight: a request that has left has nothing
// left to do.

/** What one route has of the backlog. Belongs to `Backlog`. */
export interface RouteShare {
  work: number;
  epoch: number;
}

export const noShare = (): RouteShare => ({ work: 0, epoch: 0 });

/**
 * Below this, another epoch begins: what routes had two epochs ago is forgotten, it is a billionth of the
 * backlog.
 */
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
   * Shares are of what was owed when the turn began and of all that was admitted in it, done or not. They
   * shrink together with the whole: they are kept divided by this factor, so that a turn need not touch each
   * of them. Another epoch begins before the factor is too small, and when nothing is left, so that every
   * share ends.
   */
  #scale = 1;
  #epoch = 1;
  /** The factor at the end of the epoch before this one. */
  #scaleBefore = 0;

  /**
   * A turn begins.
   * @param workedMs time since the one before that was free for admitted work
   * @param inFlightMs cost of all requests that are in flight
   */
  turn(workedMs: number, inFlightMs: number): void {
    const before = this.startMs + this.admittedMs;
    this.ms = Math.max(0, Math.min(this.ms - workedMs, inFlightMs));
    this.startMs = this.ms;
    this.admittedMs = 0;
    if (this.ms > 0) this.#scale *= this.ms / before;
    else this.largestMs = 0;
    if (this.ms > 0 && this.#scale > LEAST_SCALE) return;
    this.#scaleBefore = this.ms > 0 ? this.#scale : 0;
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

  /** Work that was added in this turn is done. The time that it took is its route's until the turn ends. */
  done(costMs: number): void {
    this.ms = Math.max(this.startMs, this.ms - costMs);
  }

  /** Milliseconds that belong to a route: of the backlog, and of what was done in this turn. */
  of(share: RouteShare): number {
    return this.#workOf(share) * this.#scale;
  }

  #workOf(share: RouteShare): number {
    if (share.epoch === this.#epoch) return share.work;
    return share.epoch === this.#epoch - 1 ? share.work * this.#scaleBefore : 0;
  }
}
