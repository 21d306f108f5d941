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
import type { RateBuckets } from './rate-bucket.js';
import { type RateRegions, type RateUsage, regionsOf, sweepRegions, usageOf } from './rate-regions.js';
import { UNITS_PER_MS } from './rate-row.js';
import { plainRule, RateRows, type RateRule } from './rate-rows.js';

interface CellRate {
  /** Makes the hashes of this limit's keys differ from those of other limits. */
  readonly salt: number;
  readonly buckets: RateBuckets;
  readonly rule: RateRule;
  /** The rule of the overflow row, which other limits may share. */
  readonly shared: RateRule;
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
   * @returns minus the milliseconds until a call would be admitted; a positive number when one would be
   *   admitted now, or when the key has no row
   */
  peek(key: string): number;
}

/**
 * An overflow row is never further ahead than this, so a key that has to share it waits at most this long
 * after the other keys have ended their calls.
 */
export const MOST_SHARED = 60_000 * UNITS_PER_MS;

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
  readonly #rows: RateRows;

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
    this.#rows = new RateRows(this.#now, onOverflow);
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
      buckets,
      rule: plainRule(interval, tolerance),
      shared: plainRule(interval, Math.min(tolerance, Math.max(0, MOST_SHARED - interval))),
    };
    return { take: (key) => this.#take(rate, key), peek: (key) => this.#peek(rate, key) };
  }

  #take({ salt, buckets, rule, shared }: CellRate, key: string): number {
    this.#hash.of(salt, key);
    return this.#rows.take(buckets, this.#hash.low, this.#hash.high, rule, shared) / UNITS_PER_MS;
  }

  #peek({ salt, buckets, rule }: CellRate, key: string): number {
    this.#hash.of(salt, key);
    return this.#rows.peek(buckets, this.#hash.low, this.#hash.high, rule) / UNITS_PER_MS;
  }

  /**
   * Empties rows that carry no state, one part of the table with each step. It has to be done at least once
   * in some days, in any thread (hourly-sweep.ts). For a process that was suspended for longer, the bound in
   * `RateBuckets.ahead` recognises old times.
   */
  sweepInParts(): Generator<void> {
    return sweepRegions(this.#regions, this.#now);
  }

  /** Counts the keys whose rows carry state, and the rows, one part of the table with each step. */
  usageInParts(): Generator<void, RateUsage> {
    return usageOf(this.#regions, this.#now());
  }
}
