// What one worker expects the journal's clock to show, for the leases that it writes. They are counted from
// the later of the two: so a lease that is written while the clock is set back for a moment has not run out
// when it is right again.

/**
 * A clock that is set back is believed when it has been seen so for so long. By then every worker has seen
 * it, or knows that it has not looked: none takes a lease that is written from then on for one that has run
 * out.
 */
const BELIEVED_AFTER_MS = 6000;

export class ExpectedTime {
  /** The latest, and those behind which the next one came a short time ago. */
  #readings: readonly { readonly at: number; readonly aheadMs: number }[] = [];

  /** @param now when the answer was there, on the worker's monotonic clock */
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
