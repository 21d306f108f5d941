// The time that one worker expects the journal's clock to show. New leases are counted from the later of this
// and the time that the server shows, so that a lease written while the server's clock is set back for a
// moment has not expired when the clock is right again.

/**
 * A clock that was set back is believed once it has been seen so for this long. By then every worker has read
 * it, or knows that it has not; so no worker takes a lease that is written from then on for an expired one.
 */
const BELIEVED_AFTER_MS = 6000;

export class ExpectedTime {
  /** The latest reading, and earlier ones that were followed by another within BELIEVED_AFTER_MS of now. */
  #readings: readonly { readonly at: number; readonly aheadMs: number }[] = [];

  /** @param now when the reply arrived, on the worker's monotonic clock */
  read(journalTime: number, now: number): void {
    const all = [...this.#readings, { at: now, aheadMs: journalTime - now }];
    this.#readings = all.filter((_, n) => now - (all[n + 1]?.at ?? now) < BELIEVED_AFTER_MS);
  }

  /** Milliseconds since 1970; undefined when the clock was never read. */
  at(now: number): number | undefined {
    if (this.#readings.length === 0) return undefined;
    return now + Math.max(...this.#readings.map(({ aheadMs }) => aheadMs));
  }
}
