// Rate limits over several processes: each admits what its share allows (share.ts), by the same rows and the
// same algorithm as a limit of one process (rate-rows.ts), with these differences.
//
// - The rows have a clock of their own, which runs at the speed of the share (`rowTimeAt`).
// - A row stands for the whole burst B of the key, and the permits of the share are the last ones of it: an
//   admission moves the row to B - permits intervals ahead at least. So when the share changes, what a key
//   has left stays as it is, as far as the new share has room for it.
// - A share that has grown begins with what the smaller one had: no row counts as being before `emptyAt`.
// - A row carries state until the share of its key is back (partial-rows.ts).
// - The overflow row of a bucket stands for permits of the share alone, so that it is never far ahead: what
//   it has left is lost with every change of the share. A key that gets a row of its own begins with nothing
//   until the overflow row has been unused for as long as a row of its own would carry state.
//
// An admission counts at the moment at which the clock was read. It is valid when at that moment the share
// was that of now and its time was not over; both are checked after the row was charged, so a thread that was
// suspended in between admits nothing with a share of before.
import type { Block } from '../block.js';
import type { Clock } from '../clock.js';
import { KeyedHash } from '../keyed-hash.js';
import { HotCounts, RefusedCells } from './hot-cells.js';
import { type RateRegions, type RateUsage, regionsOf, sweepRegions, usageOf } from './rate-regions.js';
import { UNITS_PER_MS } from './rate-row.js';
import { RateRows } from './rate-rows.js';
import type { RateCells } from './rate-table.js';
import { emptyAhead, type Share } from './share.js';
import { MOST_DELAY, ShareReader } from './share-page.js';
import { SharedLimit, type Terms } from './shared-limit.js';

/** The result of `take` and `peek` when this process has no share. */
export const NO_SHARE = 0;

/**
 * Clocks of machines run at different speeds: by 500 millionths while NTP corrects them. Intervals are longer
 * by that, so that the sum is kept by the slowest clock.
 */
const DRIFT = 1 / 2_000;

export interface ClusterRatesOptions {
  readonly block: Block;
  readonly clock: Clock;
  /** Milliseconds of the wall clock. @default that of the system */
  readonly wallClock?: Clock;
  /** The row of the thread, for keys that it refuses. @default it refuses none */
  readonly slot?: number;
  /** Called when a key has to share the overflow row. */
  readonly onOverflow?: () => void;
}

export class ClusterRates {
  readonly #reader: ShareReader;
  readonly #rows: RateRows;
  readonly #regions: RateRegions;
  readonly #counts: HotCounts;
  readonly #refused: RefusedCells;
  /** The hash of keys under the salt of the share, and that share. */
  #hash: KeyedHash | undefined;
  #hashOf: Share | undefined;

  constructor({ block, clock, wallClock, slot = 0, onOverflow }: ClusterRatesOptions) {
    this.#reader = new ShareReader(block, clock, wallClock);
    this.#rows = new RateRows(this.#reader.rowNow, onOverflow);
    this.#regions = regionsOf(block, () => this.#reader.last);
    this.#counts = new HotCounts(block);
    this.#refused = new RefusedCells(block, slot);
  }

  /**
   * The cells of a limit. Processes with the same identity and the same numbers have one limit.
   * @returns cells that return NO_SHARE while this process has no share
   */
  limit(identity: string, intervalMs: number, burst: number): RateCells {
    const interval = Math.ceil(intervalMs * UNITS_PER_MS * (1 + DRIFT));
    const buckets = this.#regions.of(identity);
    buckets.mayLead(emptyAhead(burst, interval) + interval + MOST_DELAY);
    buckets.declare(interval, burst);
    const terms = { identity, intervalMs, burst, interval, buckets };
    let under: SharedLimit | undefined;
    const current = (): SharedLimit | undefined => {
      const share = this.#reader.current();
      if (share === undefined) return undefined;
      if (under?.share !== share) under = this.#under(share, terms);
      return under;
    };
    return { take: (key) => this.#take(current, terms, key), peek: (key) => this.#peek(current, terms, key) };
  }

  /** How many processes divide the limits; 0 when this one has no share. */
  get members(): number {
    return this.#reader.current()?.members.length ?? 0;
  }

  /** Empties rows that carry no state, as `RateTable.sweepInParts` does. */
  sweepInParts(): Generator<void> {
    return sweepRegions(this.#regions, this.#reader.rowNow);
  }

  /** Counts the keys whose rows carry state, and the rows, one part of the table with each step. */
  usageInParts(): Generator<void, RateUsage> {
    return usageOf(this.#regions, this.#reader.rowNow());
  }

  #under(share: Share, terms: Terms): SharedLimit {
    const hash = this.#hashFor(share);
    hash.of(0, `${terms.identity} ${terms.interval} ${terms.burst}`);
    return new SharedLimit(share, hash.low, terms);
  }

  #take(current: () => SharedLimit | undefined, terms: Terms, key: string): number {
    for (;;) {
      const limit = current();
      if (limit === undefined) return NO_SHARE;
      const { low, high } = this.#hashed(limit, key);
      const part = this.#reader.hot(low, high);
      const rules = part === undefined ? limit.rules(low, high) : limit.hotRules(part);
      const units =
        rules === undefined ? 0 : this.#rows.take(terms.buckets, low, high, rules.own, rules.shared);
      // The time of a share is extended only after that share was published, so it is looked at first.
      const wasHeld = rules === undefined || this.#reader.wasHeld;
      if (this.#reader.current() !== limit.share) continue;
      if (!wasHeld) return NO_SHARE;
      if (part !== undefined) this.#counts.count(part.slot, units <= 0);
      else if (units <= 0) this.#refused.note(low, high, terms.interval, terms.burst);
      return rules === undefined ? limit.refusal : limit.verdict(units, rules.own);
    }
  }

  #peek(current: () => SharedLimit | undefined, terms: Terms, key: string): number {
    const limit = current();
    if (limit === undefined || !this.#reader.isHeld) return NO_SHARE;
    const { low, high } = this.#hashed(limit, key);
    const part = this.#reader.hot(low, high);
    const rules = part === undefined ? limit.rules(low, high) : limit.hotRules(part);
    const units = rules === undefined ? 0 : this.#rows.peek(terms.buckets, low, high, rules.own);
    if (units > 0) return units;
    // `take` is not called after this, so the refusal is counted here.
    if (part !== undefined) this.#counts.count(part.slot, true);
    else this.#refused.note(low, high, terms.interval, terms.burst);
    return rules === undefined ? limit.refusal : limit.verdict(units, rules.own);
  }

  #hashed({ share, salt }: SharedLimit, key: string): KeyedHash {
    const hash = this.#hashFor(share);
    hash.of(salt, key);
    return hash;
  }

  #hashFor(share: Share): KeyedHash {
    if (this.#hash === undefined || this.#hashOf !== share) {
      this.#hash = new KeyedHash(Int32Array.from(share.salt));
      this.#hashOf = share;
    }
    return this.#hash;
  }
}
