// Rate limits by key, shared by all threads: the generic cell rate algorithm (ITU-T I.371, "virtual
// scheduling"). A key's whole state is one moment, its theoretical arrival time: an admission moves it on by
// one interval, and an arrival is refused while it is further ahead than the burst allows. So a key that has
// been quiet for as long as its burst takes to come back needs no row, and a bounded table is enough for any
// number of them.
//
// What is promised to each key, whatever the threads do and however full the table is: in any interval of t
// at most
// `burst + t / interval` are admitted, as the clocks of the threads agree. Times are rounded against the
// caller for that, up where they are written and down where they are compared: admissions at a..b that are
// charged one after the other leave the row at `a + n intervals` or later, and the last was admitted at a row
// of at most `b + (burst - 1) intervals`. When all rows of a bucket carry state, newcomers share its overflow
// row: too strict for them, never too lax. Rules of all speeds may meet there, so none moves it further ahead
// than a minute, however long its own burst takes to come back.
import type { Block } from '../block.js';
import type { Clock } from '../clock.js';
import { KeyedHash } from '../keyed-hash.js';
import { RATE_BUCKET_WORDS } from '../layout.js';
import { ABSENT, OVERFLOW, OVERFLOW_TAG, type RateBuckets } from './rate-bucket.js';
import { type RateRegions, regionsOf } from './rate-regions.js';
import { highHalf, lowHalf, TAG_MASK, tagOf, UNITS_PER_MS } from './rate-row.js';

/** What a row is charged by, in units of the table. */
interface Rule {
  readonly interval: number;
  /** How far ahead a row may be for one more to be admitted. */
  readonly tolerance: number;
  readonly buckets: RateBuckets;
}

interface CellRate extends Rule {
  /** Tells its keys from those of other limits. */
  readonly salt: number;
  /** The rule of the overflow row, which other limits may share. */
  readonly shared: Rule;
  /** Buckets - 1. */
  readonly mask: number;
}

/** One limit over all keys, as one thread uses it. */
export interface RateCells {
  /**
   * Asks for one admission.
   * @returns admitted: milliseconds until the whole burst is there again, positive; refused: minus the
   *   milliseconds until one would be admitted
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
 * An overflow row is never further ahead than this, so a key that comes to it waits at most this long once
 * the other keys are quiet.
 */
const MOST_SHARED = 60_000 * UNITS_PER_MS;
/** Buckets that are swept at a time: about a millisecond of work. */
const BUCKETS_PER_PART = 256;

/** What `#charge` returns when the row has changed its key. */
const LOST = Number.NaN;

export interface RateTableOptions {
  /** The regions with the keys of each limit. */
  readonly regions: RateRegions;
  readonly secret: Int32Array;
  readonly clock: Clock;
  /** A key shared the overflow row. */
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
   * @param identity the same in every thread: calls with the same identity and numbers give the same limit.
   *   With other
   *   numbers it is another one: a row says nothing under a rule that has not written it.
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
      // No key got a row meanwhile. A thread that got one, perhaps for this key, has not seen this admission.
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
    // In the order of `#charge`: an unchanged low half says that the high half is the one that belongs to it.
    const low = Atomics.load(words, row);
    const high = Atomics.load(words, row + 1);
    if (tagOf(high) !== tag || Atomics.load(words, row) !== low) return 0;
    const ahead = buckets.ahead(low, high, this.#now());
    return ahead > tolerance ? (tolerance - ahead) / UNITS_PER_MS : 0;
  }

  /**
   * Forgets rows without state, a part of them with each step. To be done now and then, in any thread, in
   * less than days. What a process that was stopped for 12 days has missed is made up for by what
   * `RateBuckets` knows of how far ahead a row may be.
   */
  *sweepInParts(): Generator<void> {
    for (const buckets of this.#regions.all()) {
      for (let bucket = 0; bucket < buckets.count; bucket++) {
        buckets.sweep(bucket * RATE_BUCKET_WORDS, this.#now);
        if ((bucket + 1) % BUCKETS_PER_PART === 0) yield;
      }
    }
  }

  /** Keys that a limit is not at rest for, and for how many there is room. */
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

  /** @returns units as `take` in milliseconds, or LOST */
  #charge({ interval, tolerance, buckets }: Rule, row: number, tag: number): number {
    const { words } = buckets;
    for (;;) {
      // In this order: if the low half is still the same later, the high half was, too.
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
