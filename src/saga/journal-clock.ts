// What one worker knows of the clock of the journal's server. The leases of all workers are dated by that
// clock, but it is a wall clock that may be set at any moment. So every reading is compared with the worker's
// own monotonic clock.

/** A reading that differs by more than this from the expected time means that the clock was set. */
const STEP_MS = 500;
/**
 * How far two clocks may drift apart in a millisecond without being set. An operating system that corrects
 * its clock gradually changes it by half of this.
 */
const DRIFT = 1 / 1000;
/** Between readings that are further apart than this the clock may have been set back and forth. */
const UNSEEN_MS = 4000;
/** A clock that jumps ahead this far may have been suspended with its host, and so may other hosts. */
const JUMP_MS = 60_000;

/** Times whose name does not mention the journal are on the worker's monotonic clock. */
export class JournalClock {
  /**
   * The least difference by which the journal's clock is ahead of the worker's, by the latest reading; NaN
   * before the first one.
   */
  #aheadMs = Number.NaN;
  #readAt = Number.NaN;
  /** Since when the two clocks agree, and the bounds of their difference by all readings since. */
  #steady = { since: Number.POSITIVE_INFINITY, least: Number.NaN, most: Number.NaN };
  /** Since when the journal has replied without interruption and no clock has jumped. */
  #calmSince: number | undefined;

  /**
   * @param requestedAt when the journal was queried for its time, and `receivedAt` when it had replied
   * @param journalTime milliseconds since 1970
   * @returns whether the clock was set since the last reading
   */
  read(requestedAt: number, journalTime: number, receivedAt: number): boolean {
    const [least, most] = [journalTime - receivedAt, journalTime - requestedAt];
    const passedMs = receivedAt - this.#readAt;
    const hasJumped = passedMs > JUMP_MS || least - this.#aheadMs > JUMP_MS;
    if (this.#calmSince === undefined || hasJumped) this.#calmSince = receivedAt;
    const isFirst = Number.isNaN(this.#readAt);
    this.#aheadMs = least;
    this.#readAt = receivedAt;
    const wasSet = !isFirst && !this.#isAsExpected(least, most, passedMs * DRIFT);
    if (isFirst || wasSet || passedMs > UNSEEN_MS) this.#steady = { since: receivedAt, least, most };
    return wasSet;
  }

  #isAsExpected(least: number, most: number, driftMs: number): boolean {
    const { since } = this.#steady;
    const [from, to] = [this.#steady.least - driftMs, this.#steady.most + driftMs];
    if (least > to + STEP_MS || most < from - STEP_MS) return false;
    // A reading outside of the bounds does not move them: else many small steps would pass unnoticed.
    const isWithinBounds = least <= to && most >= from;
    this.#steady = isWithinBounds
      ? { since, least: Math.max(from, least), most: Math.min(to, most) }
      : { since, least: from, most: to };
    return true;
  }

  get isRead(): boolean {
    return !Number.isNaN(this.#readAt);
  }

  /** Records that the journal did not reply. */
  markUnanswered(): void {
    this.#calmSince = undefined;
  }

  /**
   * The earliest time that the journal's clock can show, unless it was set since the last reading; NaN before
   * the first reading.
   */
  earliestTime(now: number): number {
    return now + this.#aheadMs;
  }

  /** How long the journal's clock has agreed with the worker's. */
  steadyMs(now: number): number {
    return now - this.#steady.since;
  }

  /**
   * How long the journal has replied without interruption. For this long the other processes could use it as
   * well, for example to claim the sagas that only they know.
   */
  calmMs(now: number): number {
    return now - (this.#calmSince ?? now);
  }
}
