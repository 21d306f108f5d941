// Rate limits by key, shared by all threads: the generic cell rate algorithm (ITU-T I.371, "virtual
// scheduling"). A key's whole state is one moment, its theoretical arrival time: an admission moves it on by
// one interval, and an arrival is refused while it is further ahead than the burst allows. So a key needs no
// row when it was not used for as long as its burst takes to come back, and a table of bounded size is enough
// for any number of keys.
//
// This holds for each key, whatever the threads do and however full the table is: in any period of length t
// at most `burst + t / interval` calls are admitted, as far as the clocks of the threads agree. For that
// purpose times are rounded up when they are written and down when they are compared. (Proof: n admissions
// between a and b leave the time of the row at `a + n intervals` or later, and the last one was admitted when
// that time was at most `b + (burst - 1) intervals`.) When all rows of a bucket carry state, further keys
// share its overflow row: that is too strict for them, never too lax. Limits with short and long bursts may
// share that row, so no limit moves it more than a minute ahead, however long its own burst takes to come
// back.
import type { Block } from '../block.js';
import type { Clock } from '../clock.js';
import { KeyedHash } from '../keyed-hash.js';
import { RATE_BUCKET_WORDS } from '../layout.js';
import { ABSENT, OVERFLOW, OVERFLOW_TAG, type RateBuckets } from './rate-bucket.js';
import { type RateRegions, regionsOf } from './rate-regions.js';
import { highHalf, lowHalf, TAG_MASK, tagOf, UNITS_PER_MS } from './rate-row.js';

/**
 * By how much an admission moves the time of a row, and how far ahead it may be; both in units of
 * rate-row.ts.
 */
interface Rule {
  readonly interval: number;
  /** How far ahead a row may be for one more to be admitted. */
  readonly tolerance: number;
  readonly buckets: RateBuckets;
}

interface CellRate extends Rule {
  /** Makes the hashes of this limit's keys differ from those of other limits. */
  readonly salt: number;
  /** The rule of the overflow row, which other limits may share. */
  readonly shared: Rule;
  /** The number of buckets minus 1, which selects the bits of a hash that are the bucket. */
  readonly mask: number;
}

/** One limit over all keys, as one thread uses it. */
export interface RateCells {
  /**
   * Admits or refuses one call of a key.
   * @returns when admitted, a positive number: milliseconds until the whole burst is available again; when
   *   refused, a negative number: minus the milliseconds until a call would be admitted
   */
  take(key: string): number;
  /**
   * Reads the state of a key without charging it.
   * @returns minus the milliseconds until a call would be admitted; 0 when one would be admitted now, or when
   *   the key has no row
   */
  peek(key: string): number;
}

/**
 * An overflow row is never further ahead than this, so a key that has to share it waits at most this long
 * after the other keys have ended their calls.
 */
const MOST_SHARED = 60_000 * UNITS_PER_MS;
/** Buckets that are swept at a time: about a millisecond of work. */
const BUCKETS_PER_PART = 256;

/** The result of `#charge` when the row belongs to another key now. */
const LOST = Number.NaN;

export interface RateTableOptions {
  /** The regions of the table, one for each limit. */
  readonly regions: RateRegions;
  readonly secret: Int32Array;
  readonly clock: Clock;
  /** Called when a key has to share the overflow row. */
  readonly onOverflow?: () => void;
}

export class RateTable {
  readonly #regions: RateRegions;
  readonly #hash: KeyedHash;
  readonly #now: () => number;
  readonly #onOverflow: (() => void) | undefined;

  /** The table of the process. */
  static of(block: Block, clock: Clock, onOverflow?: () => void): RateTable {
    return new RateTable({
      regions: regionsOf(block),
      secret: block.words('rateSecret'),
      clock,
      ...(onOverflow === undefined ? {} : { onOverflow }),
    });
  }

  constructor({ regions, secret, clock, onOverflow }: RateTableOptions) {
    this.#regions = regions;
    this.#hash = new KeyedHash(secret);
    this.#now = () => Math.floor(clock() * UNITS_PER_MS);
    this.#onOverflow = onOverflow;
  }

  /**
   * The cells of a limit.
   * @param identity text that is the same in every thread: the same text with the same numbers gives the same
   *   limit. With other numbers it is another limit, because the time in a row has no meaning under another
   *   rule
   */
  limit(identity: string, intervalMs: number, burst: number): RateCells {
    const interval = Math.ceil(intervalMs * UNITS_PER_MS);
    this.#hash.of(0, `${identity} ${interval} ${burst}`);
    const buckets = this.#regions.of(identity);
    const tolerance = (burst - 1) * interval;
    buckets.mayLead(tolerance + interval);
    const rate = {
      salt: this.#hash.low,
      interval,
      tolerance,
      buckets,
      shared: { interval, tolerance: Math.min(tolerance, Math.max(0, MOST_SHARED - interval)), buckets },
      mask: buckets.count - 1,
    };
    return { take: (key) => this.#take(rate, key), peek: (key) => this.#peek(rate, key) };
  }

  #take(rate: CellRate, key: string): number {
    const { salt, buckets, mask } = rate;
    this.#hash.of(salt, key);
    const bucket = (this.#hash.low & mask) * RATE_BUCKET_WORDS;
    const tag = this.#hash.high & TAG_MASK || 1;
    for (;;) {
      const row = buckets.find(bucket, tag);
      const verdict = row === ABSENT ? LOST : this.#charge(rate, row, tag);
      if (!Number.isNaN(verdict)) return verdict / UNITS_PER_MS;
      const header = buckets.header(bucket);
      if (buckets.claim(bucket, tag, this.#now)) continue;
      const shared = this.#charge(rate.shared, bucket + OVERFLOW, OVERFLOW_TAG);
      // If a row was given to a key meanwhile, perhaps to this one, that row does not contain this admission:
      // repeat.
      if (buckets.header(bucket) !== header) continue;
      this.#onOverflow?.();
      return shared / UNITS_PER_MS;
    }
  }

  #peek({ salt, tolerance, buckets, mask }: CellRate, key: string): number {
    this.#hash.of(salt, key);
    const tag = this.#hash.high & TAG_MASK || 1;
    const row = buckets.find((this.#hash.low & mask) * RATE_BUCKET_WORDS, tag);
    if (row === ABSENT) return 0;
    const { words } = buckets;
    // The order is that of `#charge`: when the low half is unchanged afterwards, the high half belongs to it.
    const low = Atomics.load(words, row);
    const high = Atomics.load(words, row + 1);
    if (tagOf(high) !== tag || Atomics.load(words, row) !== low) return 0;
    const ahead = buckets.ahead(low, high, this.#now());
    return ahead > tolerance ? (tolerance - ahead) / UNITS_PER_MS : 0;
  }

  /**
   * Empties rows that carry no state, one part of the table with each step. It has to be done at least once
   * in some days, in any thread (hourly-sweep.ts). For a process that was suspended for longer, the bound in
   * `RateBuckets.ahead` recognises old times.
   */
  *sweepInParts(): Generator<void> {
    for (const buckets of this.#regions.all()) {
      for (let bucket = 0; bucket < buckets.count; bucket++) {
        buckets.sweep(bucket * RATE_BUCKET_WORDS, this.#now);
        if ((bucket + 1) % BUCKETS_PER_PART === 0) yield;
      }
    }
  }

  /** The number of keys whose rows carry state, and the number of rows. */
  usage(): { readonly inUse: number; readonly rows: number } {
    const now = this.#now();
    let [inUse, rows] = [0, 0];
    for (const buckets of this.#regions.all()) {
      rows += buckets.rows;
      for (let bucket = 0; bucket < buckets.count; bucket++) {
        inUse += buckets.inUse(bucket * RATE_BUCKET_WORDS, now);
      }
    }
    return { inUse, rows };
  }

  /**
   * Charges one admission to a row. @returns the same as `take`, in units instead of milliseconds; or LOST
   */
  #charge({ interval, tolerance, buckets }: Rule, row: number, tag: number): number {
    const { words } = buckets;
    for (;;) {
      // The order matters: when the low half is still the same at the swap, the high half belongs to it.
      const low = Atomics.load(words, row);
      const high = Atomics.load(words, row + 1);
      const owner = tagOf(high);
      // Only the overflow row may be charged while it has no tag.
      if (owner !== tag && !(owner === 0 && tag === OVERFLOW_TAG)) return LOST;
      const now = this.#now();
      const ahead = buckets.ahead(low, high, now);
      if (ahead > tolerance) return tolerance - ahead;
      const next = Math.max(ahead, 1) + interval;
      let time = now + next;
      let nextLow = lowHalf(time);
      if (nextLow === low) nextLow = lowHalf(++time);
      const nextHigh = highHalf(tag, time);
      const isSwapped =
        nextHigh === high
          ? Atomics.compareExchange(words, row, low, nextLow) === low
          : buckets.swap(row, low, high, nextLow, nextHigh);
      if (isSwapped) return next;
    }
  }
}
