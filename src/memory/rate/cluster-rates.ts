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
//   it has left is lost with every change of the share. A key that gets a row of its own while the overflow
//   row carries state begins with nothing.
//
// An admission counts at the moment at which the clock was read. It is valid when at that moment the share
// was that of now and its time was not over; both are checked after the row was charged, so a thread that was
// suspended in between admits nothing with a share of before.
import type { Block } from '../block.js';
import type { Clock } from '../clock.js';
import { KeyedHash } from '../keyed-hash.js';
import { HotCounts, RefusedCells } from './hot-cells.js';
import type { RateBuckets } from './rate-bucket.js';
import { type RateRegions, type RateUsage, regionsOf, sweepRegions, usageOf } from './rate-regions.js';
import { UNITS_PER_MS } from './rate-row.js';
import { RateRows, type RateRule } from './rate-rows.js';
import { MOST_SHARED, type RateCells } from './rate-table.js';
import {
  emptyAhead,
  emptyAt,
  type HotShare,
  isEven,
  keyShare,
  memberHash,
  type Share,
  shareInterval,
  WHOLE_RATE,
} from './share.js';
import { MOST_DELAY, ShareReader } from './share-page.js';

/** The result of `take` and `peek` when this process has no share. */
export const NO_SHARE = 0;

/**
 * Clocks of machines run at different speeds: by 500 millionths while NTP corrects them. Intervals are longer
 * by that, so that the sum is kept by the slowest clock.
 */
const DRIFT = 1 / 2_000;

/** The numbers of a limit. */
interface Terms {
  readonly identity: string;
  readonly intervalMs: number;
  readonly burst: number;
  /** The distance of two admissions by one process that has the whole limit, in units. */
  readonly interval: number;
  readonly buckets: RateBuckets;
}

/** The rules of a key: that of its own row, and that of the overflow row. */
interface Rules {
  readonly own: RateRule;
  readonly shared: RateRule;
}

/** A limit under one share. */
class SharedLimit {
  readonly share: Share;
  readonly salt: number;
  readonly #hashes: Int32Array;
  readonly #terms: Terms;
  /** The distance of two admissions by the clock of the rows. */
  readonly #interval: number;
  /** How far ahead a row is that has no permit left, even of the whole burst. */
  readonly #most: number;
  /** Rules by permits; undefined without a permit. */
  readonly #rules: readonly [few: Rules | undefined, more: Rules | undefined];
  readonly #fewPermits: number;
  /** Rules of parts that differ from the share. */
  readonly #hotRules = new Map<HotShare, Rules | undefined>();

  constructor(share: Share, salt: number, terms: Terms) {
    const { burst, interval } = terms;
    const n = share.members.length;
    this.share = share;
    this.salt = salt;
    this.#hashes = Int32Array.from(share.members, memberHash);
    this.#terms = terms;
    this.#interval = shareInterval(burst, interval, n);
    this.#most = emptyAhead(burst, interval);
    this.#fewPermits = Math.floor(burst / n);
    this.#rules = [this.#rulesOf(this.#fewPermits), this.#rulesOf(this.#fewPermits + 1)];
  }

  /** The rules of a key; undefined when this process has no permit of it. */
  rules(low: number, high: number): Rules | undefined {
    const { burst } = this.#terms;
    const [few, more] = this.#rules;
    if (isEven(burst, this.#hashes.length)) return few;
    const { permits } = keyShare(burst, this.#hashes, this.share.self, low, high);
    return permits > this.#fewPermits ? more : few;
  }

  /** The rules of a key of which this process has another part; undefined when that is nothing. */
  hotRules(part: HotShare): Rules | undefined {
    if (!this.#hotRules.has(part)) this.#hotRules.set(part, this.#rulesOfPart(part));
    return this.#hotRules.get(part);
  }

  /** The result of `take` in milliseconds, for one of `RateRows`. */
  verdict(units: number, { interval }: RateRule): number {
    const { burst, intervalMs } = this.#terms;
    if (units <= 0) return (units * this.share.members.length) / UNITS_PER_MS;
    const permitsLeft = (this.#most - units) / interval;
    return (burst - permitsLeft) * intervalMs;
  }

  /** The result without a permit: one may be there when the members have changed. */
  get refusal(): number {
    return -this.#terms.intervalMs;
  }

  #rulesOf(permits: number): Rules | undefined {
    if (permits === 0) return undefined;
    const mostShared = Math.floor(MOST_SHARED / (this.#interval * this.share.members.length));
    return {
      own: this.#ownRule(this.#interval, permits, this.#emptyAt),
      shared: this.#sharedRule(this.#interval, Math.max(1, Math.min(permits, mostShared)), this.#changedAt),
    };
  }

  /** A part has one permit in an overflow row: of more, what is left would change with its rate. */
  #rulesOfPart({ isShare, rate, permits, emptyAt: since, changedAt }: HotShare): Rules | undefined {
    if (rate === 0 || permits === 0) return undefined;
    const n = this.share.members.length;
    const interval = isShare ? this.#interval : Math.ceil((this.#terms.interval * WHOLE_RATE) / (rate * n));
    // Members have left, and what was a small part of the share among many is less than rows can count now.
    if (interval > this.#most) return undefined;
    return {
      own: this.#ownRule(interval, permits, Math.max(this.#emptyAt, since)),
      shared: this.#sharedRule(interval, 1, Math.max(this.#changedAt, changedAt)),
    };
  }

  /** When the members have changed last. */
  get #changedAt(): number {
    return this.share.changes.at(-1)?.rowTime ?? Number.NEGATIVE_INFINITY;
  }

  get #emptyAt(): number {
    const { burst, interval } = this.#terms;
    return emptyAt(this.share.changes, burst, interval);
  }

  #ownRule(interval: number, permits: number, since: number): RateRule {
    const most = this.#most;
    const least = most - permits * interval;
    return { interval, tolerance: most - interval, least, floor: most + since, base: 0 };
  }

  #sharedRule(interval: number, permits: number, since: number): RateRule {
    const most = permits * interval;
    return { interval, tolerance: most - interval, least: 1, floor: most + since, base: this.#most - most };
  }
}

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

  /** The number of keys whose rows carry state, and the number of rows. */
  usage(): RateUsage {
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
