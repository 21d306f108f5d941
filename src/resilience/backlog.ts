// The backlog of a thread: work that it has admitted and not done yet, in milliseconds of its own time. It is
// computed and not measured: an admission adds the expected cost of its route, and every turn of the event
// loop subtracts the time that has passed. So the backlog is known before it delays anything, even when a
// request does its work after a wait, and it becomes empty even if no request ends. It never exceeds the cost
// of the requests in flight, since a request that has left causes no more work.

/** The share of one route in the backlog. Only `Backlog` reads and writes it. */
export interface RouteShare {
  work: number;
  epoch: number;
}

export const noShare = (): RouteShare => ({ work: 0, epoch: 0 });

/**
 * Below this scale another epoch begins. Shares of two epochs ago are forgotten: they are a billionth of the
 * backlog.
 */
const LEAST_SCALE = 1e-9;

export class Backlog {
  /** Milliseconds of work that the thread owes now. */
  ms = 0;
  /** Milliseconds that it owed when the turn began. */
  startMs = 0;
  /** Milliseconds admitted in this turn, including work that is already done. */
  admittedMs = 0;
  /** The largest cost that was added since the backlog was last empty. */
  largestMs = 0;
  /**
   * Shares refer to the work owed when the turn began plus all work admitted in it, done or not. All of them
   * shrink together, so they are stored divided by this factor and a turn need not touch each of them.
   * Another epoch begins before the factor gets too small, and when the backlog is empty, which ends every
   * share.
   */
  #scale = 1;
  #epoch = 1;
  /** The factor at the end of the epoch before this one. */
  #scaleBefore = 0;

  /**
   * Call when a turn begins.
   * @param workedMs the part of the time since the previous turn in which the thread could do admitted work
   * @param inFlightMs expected cost of all requests in flight
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

  /** Call when work added in this turn is done. It still counts for its route until the turn ends. */
  done(costMs: number): void {
    this.ms = Math.max(this.startMs, this.ms - costMs);
  }

  /** Milliseconds that a route has in the backlog and in the work done in this turn. */
  of(share: RouteShare): number {
    return this.#workOf(share) * this.#scale;
  }

  #workOf(share: RouteShare): number {
    if (share.epoch === this.#epoch) return share.work;
    return share.epoch === this.#epoch - 1 ? share.work * this.#scaleBefore : 0;
  }
}
