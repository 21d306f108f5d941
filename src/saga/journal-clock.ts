// The clock of the journal's server, as one worker knows it: compared with the worker's own monotonic clock,
// round by round. It is a wall clock, which may be set at any moment, and the leases of all workers are dated
// by it.

/** A reading that is further than this from what the earlier ones let expect: the clock was set. */
const STEP_MS = 500;
/** What two clocks that are not set differ by in a millisecond, at most: a clock is slewed by half of it. */
const DRIFT = 1 / 1000;
/** Between readings that are further apart it may have been set back and forth. */
const UNSEEN_MS = 4000;
/** A clock that jumps ahead so far may have stood still with its host, and so may other hosts. */
const JUMP_MS = 60_000;

/** Times without a name are on the worker's monotonic clock. */
export class JournalClock {
  /** What the journal's clock is ahead of the worker's, at least: by the latest reading. */
  #aheadMs = Number.NaN;
  #readAt = Number.NaN;
  /** Since when it has kept step with the worker's, and what it is ahead by all readings since. */
  #steady = { since: Number.POSITIVE_INFINITY, least: Number.NaN, most: Number.NaN };
  /** Since when the journal has answered without a break, and no clock has jumped. */
  #calmSince: number | undefined;

  /**
   * @param asked when the journal was asked for its time, and `answered`
   * @param journalTime milliseconds since 1970
   * @returns whether the clock was set since the last reading
   */
  read(asked: number, journalTime: number, answered: number): boolean {
    const [least, most] = [journalTime - answered, journalTime - asked];
    const passedMs = answered - this.#readAt;
    const hasJumped = passedMs > JUMP_MS || least - this.#aheadMs > JUMP_MS;
    if (this.#calmSince === undefined || hasJumped) this.#calmSince = answered;
    const isFirst = Number.isNaN(this.#readAt);
    this.#aheadMs = least;
    this.#readAt = answered;
    const wasSet = !isFirst && !this.#keepsStep(least, most, passedMs * DRIFT);
    if (isFirst || wasSet || passedMs > UNSEEN_MS) this.#steady = { since: answered, least, most };
    return wasSet;
  }

  #keepsStep(least: number, most: number, driftMs: number): boolean {
    const { since } = this.#steady;
    const [from, to] = [this.#steady.least - driftMs, this.#steady.most + driftMs];
    if (least > to + STEP_MS || most < from - STEP_MS) return false;
    // One that is beside them is not believed: else many small steps would be none.
    const isAmong = least <= to && most >= from;
    this.#steady = isAmong
      ? { since, least: Math.max(from, least), most: Math.min(to, most) }
      : { since, least: from, most: to };
    return true;
  }

  get isRead(): boolean {
    return !Number.isNaN(this.#readAt);
  }

  /** The journal has not answered. */
  lose(): void {
    this.#calmSince = undefined;
  }

  /** How late it is there, at least, unless it was set since the last reading. NaN: it was never read. */
  at(now: number): number {
    return now + this.#aheadMs;
  }

  /** How long it has kept step. */
  steadyMs(now: number): number {
    return now - this.#steady.since;
  }

  /** How long other processes have had their time. */
  calmMs(now: number): number {
    return now - (this.#calmSince ?? now);
  }
}
