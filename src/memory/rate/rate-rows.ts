// Finds, or takes, the row of a key in a region, and charges it by the rule of the limit (rate-table.ts).
import { RATE_BUCKET_WORDS } from '../layout.js';
import { ABSENT, OVERFLOW, OVERFLOW_TAG, type RateBuckets } from './rate-bucket.js';
import { highHalf, lowHalf, TAG_MASK, tagOf } from './rate-row.js';

/** What an admission changes, and what it needs; all in units of rate-row.ts. */
export interface RateRule {
  /** By how much an admission moves the time of a row. */
  readonly interval: number;
  /** How far ahead a row may be for one more to be admitted. */
  readonly tolerance: number;
  /** An admission moves a row from here at least, however far ahead it is: it bounds the burst. */
  readonly least: number;
  /** A time before which no row counts as being, by the clock of the rows. */
  readonly floor: number;
  /** It is added to how far ahead a row is when that is returned. */
  readonly base: number;
}

/** A rule without a floor: it holds since the beginning. */
export const plainRule = (interval: number, tolerance: number): RateRule => ({
  interval,
  tolerance,
  least: 1,
  floor: Number.NEGATIVE_INFINITY,
  base: 0,
});

/** The result of `peek` when a call may be admitted. */
export const MAY_ADMIT = 1;

/** The result of `#charge` when the row belongs to another key now. */
const LOST = Number.NaN;

export class RateRows {
  readonly #now: () => number;
  readonly #onOverflow: (() => void) | undefined;

  /** @param now the clock of the rows, in units */
  constructor(now: () => number, onOverflow?: () => void) {
    this.#now = now;
    this.#onOverflow = onOverflow;
  }

  /**
   * Admits or refuses one call of a key.
   * @param low @param high the hash of the key
   * @param shared the rule of the overflow row, which other limits may share
   * @returns admitted: how far the row is ahead now, positive; refused: minus the time to wait; in units
   */
  take(buckets: RateBuckets, low: number, high: number, rule: RateRule, shared: RateRule): number {
    const bucket = (low & buckets.mask) * RATE_BUCKET_WORDS;
    const tag = high & TAG_MASK || 1;
    for (;;) {
      const row = buckets.find(bucket, tag);
      const verdict = row === ABSENT ? LOST : this.#charge(buckets, rule, row, tag);
      if (!Number.isNaN(verdict)) return verdict;
      const header = buckets.header(bucket);
      if (buckets.claim(bucket, tag, this.#now, rule.tolerance + rule.interval)) continue;
      const verdictOfShared = this.#charge(buckets, shared, bucket + OVERFLOW, OVERFLOW_TAG);
      // If a row was given to a key meanwhile, perhaps to this one, that row does not contain this admission:
      // repeat.
      if (buckets.header(bucket) !== header) continue;
      this.#onOverflow?.();
      return verdictOfShared;
    }
  }

  /** @returns minus the time to wait; MAY_ADMIT when a call would be admitted, or when the key has no row */
  peek(buckets: RateBuckets, low: number, high: number, { tolerance, floor }: RateRule): number {
    const tag = high & TAG_MASK || 1;
    const row = buckets.find((low & buckets.mask) * RATE_BUCKET_WORDS, tag);
    if (row === ABSENT) return MAY_ADMIT;
    const { words } = buckets;
    // The order is that of `#charge`: when the low half is unchanged afterwards, the high half belongs to it.
    const lowOfRow = Atomics.load(words, row);
    const highOfRow = Atomics.load(words, row + 1);
    if (tagOf(highOfRow) !== tag || Atomics.load(words, row) !== lowOfRow) return MAY_ADMIT;
    const now = this.#now();
    const ahead = Math.max(buckets.ahead(lowOfRow, highOfRow, now), floor - now);
    return ahead > tolerance ? tolerance - ahead : MAY_ADMIT;
  }

  /** Charges one admission to a row. @returns the same as `take`, or LOST */
  #charge(buckets: RateBuckets, rule: RateRule, row: number, tag: number): number {
    const { interval, tolerance, least, floor, base } = rule;
    const { words } = buckets;
    for (;;) {
      // The order matters: when the low half is still the same at the swap, the high half belongs to it.
      const low = Atomics.load(words, row);
      const high = Atomics.load(words, row + 1);
      const owner = tagOf(high);
      // Only the overflow row may be charged while it has no tag.
      if (owner !== tag && !(owner === 0 && tag === OVERFLOW_TAG)) return LOST;
      const now = this.#now();
      const ahead = Math.max(buckets.ahead(low, high, now), floor - now);
      if (ahead > tolerance) return tolerance - ahead;
      const next = Math.max(ahead, least) + interval;
      let time = now + next;
      let nextLow = lowHalf(time);
      if (nextLow === low) nextLow = lowHalf(++time);
      const nextHigh = highHalf(tag, time);
      const isSwapped =
        nextHigh === high
          ? Atomics.compareExchange(words, row, low, nextLow) === low
          : buckets.swap(row, low, high, nextLow, nextHigh);
      if (isSwapped) return next + base;
    }
  }
}
