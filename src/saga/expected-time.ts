// The time that one worker expects the journal's clock to show. New leases are counted from the later of this
// and the time that the server shows, so that a lease written while the server's clock is set back for a
// moment has not expired when the clock is right again.

/**
 * A clock that was set back is trusted when all readings of this time show it set back. By then every other
 * worker has read the clock too, or knows that its own last reading is too old to claim by. So no worker
 * regards a lease that is dated by this clock as expired.
 */
const TRUSTED_AFTER_MS = 6000;

export class ExpectedTime {
  /** The latest reading, and each earlier one whose next reading is younger than TRUSTED_AFTER_MS. */
  #readings: readonly { readonly at: number; readonly aheadMs: number }[] = [];

  /** @param now when the reply arrived, on the worker's monotonic clock */
  read(journalTime: number, now: number): void {
    const all = [...this.#readings, { at: now, aheadMs: journalTime - now }];
    this.#readings = all.filter((_, n) => now - (all[n + 1]?.at ?? now) < TRUSTED_AFTER_MS);
  }

  /** Milliseconds since 1970; undefined when the clock was never read. */
  at(now: number): number | undefined {
    if (this.#readings.length === 0) return undefined;
    return now + Math.max(...this.#readings.map(({ aheadMs }) => aheadMs));
  }
}
