// Rate limits by key, shared by all threads: the generic cell rate algorithm (ITU-T I.371, "virtual scheduling").
// A key's whole state is one moment, its theoretical arrival time: an admission moves it on by one interval, and
// who comes while it is further ahead than the burst allows is refused. So a key that has been quiet for as long as
// its burst takes to come back needs no row, and a bounded table is enough for any number of them.
//
// What is promised to each key, whatever the threads do and however full the table is: in any interval of t at most
// `burst + t / interval` are admitted, as the clocks of the threads agree. Times are rounded against the caller for that,
// up where they are written and down where they are compared: admissions at a..b that are charged one after the other
// leave the row at `a + n intervals` or later, and the last was admitted at a row of at most `b + (burst - 1) intervals`.
// When all rows of a bucket carry state, newcomers share its overflow row: too strict for them, never too lax.
import type { Block } from './block.js';
import type { Clock } from './clock.js';
import { KeyedHash } from './keyed-hash.js';
import { RATE_BUCKET_WORDS } from './layout.js';
import { ABSENT, OVERFLOW, RateBuckets } from './rate-bucket.js';
import { highHalf, leadOf, lowHalf, MAX_LEAD, TAG_MASK, tagOf, UNITS_PER_MS } from './rate-row.js';

/** One limit, in units of the table. */
interface CellRate {
  /** Tells its keys from those of other limits. */
  readonly salt: number;
  readonly interval: number;
  /** How far ahead a row may be for one more to be admitted. */
  readonly tolerance: number;
  /** How late one may come and count as punctual. */
  readonly lateness: number;
}

/** One limit over all keys, as one thread uses it. */
export interface RateCells {
  /**
   * Asks for one admission.
   * @returns admitted: milliseconds until the whole burst is there again, positive; refused: minus the milliseconds
   *   until one would be admitted
   */
  take(key: string): number;
  /**
   * Reads only.
   * @returns minus the milliseconds until one would be admitted; 0 when one may be admitted now, or the key
   * has no row
   */
  peek(key: string): number;
}

/**
 * With a burst of one there is nowhere to keep what a late arrival has not used, and an even load just at the limit would
 * lose an arrival for every one that is a microsecond late. So half an interval is forgiven there, and only there.
 */
const FORGIVEN = 0.5;

/** What `take` answers when the row has changed hands. */
const LOST = Number.NaN;

export interface RateTableOptions {
  /** A whole power of two of buckets. */
  readonly words: Int32Array;
  readonly secret: Int32Array;
  readonly clock: Clock;
  /** A key shared the overflow row. */
  readonly onOverflow?: () => void;
}

export class RateTable {
  readonly #buckets: RateBuckets;
  readonly #hash: KeyedHash;
  readonly #mask: number;
  readonly #now: () => number;
  readonly #onOverflow: (() => void) | undefined;

  /** The table of the process. */
  static of(block: Block, clock: Clock, onOverflow?: () => void): RateTable {
    const { words } = block.table('rateBuckets');
    return new RateTable({
      words,
      secret: block.words('rateSecret'),
      clock,
      ...(onOverflow === undefined ? {} : { onOverflow }),
    });
  }

  constructor({ words, secret, clock, onOverflow }: RateTableOptions) {
    this.#buckets = new RateBuckets(words);
    this.#hash = new KeyedHash(secret);
    this.#mask = this.#buckets.count - 1;
    this.#now = () => Math.floor(clock() * UNITS_PER_MS);
    this.#onOverflow = onOverflow;
  }

  /** @param identity the same in every thread: who shares it shares the limit */
  limit(identity: string, intervalMs: number, burst: number): RateCells {
    this.#hash.of(0, identity);
    const interval = Math.ceil(intervalMs * UNITS_PER_MS);
    const rate = {
      salt: this.#hash.low,
      interval,
      tolerance: (burst - 1) * interval,
      lateness: burst === 1 ? Math.floor(interval * FORGIVEN) : 0,
    };
    return { take: (key) => this.#take(rate, key), peek: (key) => this.#peek(rate, key) };
  }

  #take(rate: CellRate, key: string): number {
    this.#hash.of(rate.salt, key);
    const bucket = (this.#hash.low & this.#mask) * RATE_BUCKET_WORDS;
    const tag = this.#hash.high & TAG_MASK || 1;
    const buckets = this.#buckets;
    for (;;) {
      const row = buckets.find(bucket, tag);
      const verdict = row === ABSENT ? LOST : this.#charge(rate, row, tag);
      if (!Number.isNaN(verdict)) return verdict / UNITS_PER_MS;
      const header = buckets.header(bucket);
      if (buckets.claim(bucket, tag, this.#now)) continue;
      const shared = this.#charge(rate, bucket + OVERFLOW, 0);
      // Nobody has been given a row meanwhile. Who has, perhaps for this key, has not seen this admission.
      if (buckets.header(bucket) !== header) continue;
      this.#onOverflow?.();
      return shared / UNITS_PER_MS;
    }
  }

  #peek({ salt, tolerance }: CellRate, key: string): number {
    this.#hash.of(salt, key);
    const tag = this.#hash.high & TAG_MASK || 1;
    const row = this.#buckets.find((this.#hash.low & this.#mask) * RATE_BUCKET_WORDS, tag);
    if (row === ABSENT) return 0;
    const { words } = this.#buckets;
    // In the order of `#charge`: an unchanged low half says that the high half is the one that belongs to it.
    const low = Atomics.load(words, row);
    const high = Atomics.load(words, row + 1);
    if (tagOf(high) !== tag || Atomics.load(words, row) !== low) return 0;
    const lead = leadOf(low, high, this.#now());
    return lead > tolerance && lead <= MAX_LEAD ? (tolerance - lead) / UNITS_PER_MS : 0;
  }

  /** Forgets rows without state. To be called now and then, in any thread, in less than days. */
  sweep(): void {
    for (let bucket = 0; bucket <= this.#mask; bucket++)
      this.#buckets.sweep(bucket * RATE_BUCKET_WORDS, this.#now);
  }

  /** Keys that a limit is not at rest for, and for how many there is room. */
  usage(): { readonly inUse: number; readonly rows: number } {
    const now = this.#now();
    let inUse = 0;
    for (let bucket = 0; bucket <= this.#mask; bucket++)
      inUse += this.#buckets.inUse(bucket * RATE_BUCKET_WORDS, now);
    return { inUse, rows: this.#buckets.rows };
  }

  /** @returns units as `take` in milliseconds, or LOST */
  #charge({ interval, tolerance, lateness }: CellRate, row: number, tag: number): number {
    const { words } = this.#buckets;
    for (;;) {
      // In this order: if the low half is still the same later, the high half was, too.
      const low = Atomics.load(words, row);
      const high = Atomics.load(words, row + 1);
      if (tagOf(high) !== tag) return LOST;
      const now = this.#now();
      const lead = leadOf(low, high, now);
      const ahead = lead > MAX_LEAD ? 0 : lead;
      if (ahead > tolerance) return tolerance - ahead;
      const next = Math.max(ahead, 1 - lateness) + interval;
      let time = now + next;
      let nextLow = lowHalf(time);
      if (nextLow === low) nextLow = lowHalf(++time);
      const nextHigh = highHalf(tag, time);
      const isSwapped =
        nextHigh === high
          ? Atomics.compareExchange(words, row, low, nextLow) === low
          : this.#buckets.swap(row, low, high, nextLow, nextHigh);
      if (isSwapped) return next;
    }
  }
}
