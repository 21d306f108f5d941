// Rate limits over several processes: each admits what its share allows (share.ts), by the same rows and the
// same algorithm as a limit of one process (rate-rows.ts), with three differences.
//
// - The rows have a clock of their own, which runs at the speed of the share (`rowTimeAt`).
// - A row stands for the whole burst B of the key, and the permits of the share are the last ones of it: an
//   admission moves the row to B - permits intervals ahead at least. So when the share changes, what a key
//   has left stays as it is, as far as the new share has room for it.
// - A share that has grown begins with what the smaller one had: no row counts as being before `emptyAt`.
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
import type { RateCells } from './rate-table.js';
import {
  emptyAt,
  type HotShare,
  isEven,
  keyShare,
  memberHash,
  mostTimesSmaller,
  type Share,
  WHOLE_RATE,
} from './share.js';
import { ShareReader } from './share-page.js';

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
  readonly #rules: readonly [few: RateRule | undefined, more: RateRule | undefined];
  readonly #fewPermits: number;
  /** Rules of parts that differ from the share. */
  readonly #hotRules = new Map<HotShare, RateRule | undefined>();

  constructor(share: Share, salt: number, terms: Terms) {
    const { burst, interval } = terms;
    const n = share.members.length;
    this.share = share;
    this.salt = salt;
    this.#hashes = Int32Array.from(share.members, memberHash);
    this.#terms = terms;
    this.#interval = Math.ceil((interval * Math.min(n, burst)) / n);
    this.#most = (mostTimesSmaller(burst, interval) + 1) * interval;
    this.#fewPermits = Math.floor(burst / n);
    this.#rules = [this.#ruleOf(this.#fewPermits), this.#ruleOf(this.#fewPermits + 1)];
  }

  /** The rule of a key; undefined when this process has no permit of it. */
  rule(low: number, high: number): RateRule | undefined {
    const { burst } = this.#terms;
    const [few, more] = this.#rules;
    if (isEven(burst, this.#hashes.length)) return few;
    const { permits } = keyShare(burst, this.#hashes, this.share.self, low, high);
    return permits > this.#fewPermits ? more : few;
  }

  /** The rule of a key of which this process has another part; undefined when that is nothing. */
  hotRule(part: HotShare): RateRule | undefined {
    if (!this.#hotRules.has(part)) this.#hotRules.set(part, this.#ruleOfPart(part));
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

  #ruleOf(permits: number): RateRule | undefined {
    return permits === 0 ? undefined : this.#rule(this.#interval, permits, this.#emptyAt);
  }

  #ruleOfPart({ isShare, rate, permits, emptyAt: since }: HotShare): RateRule | undefined {
    if (rate === 0 || permits === 0) return undefined;
    const n = this.share.members.length;
    const interval = isShare ? this.#interval : Math.ceil((this.#terms.interval * WHOLE_RATE) / (rate * n));
    return this.#rule(interval, permits, Math.max(this.#emptyAt, since));
  }

  get #emptyAt(): number {
    const { burst, interval } = this.#terms;
    return emptyAt(this.share.changes, burst, interval);
  }

  #rule(interval: number, permits: number, since: number): RateRule {
    const most = this.#most;
    return { interval, tolerance: most - interval, least: most - permits * interval, floor: most + since };
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
    this.#regions = regionsOf(block, 'cluster');
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
    buckets.mayLead((mostTimesSmaller(burst, interval) + 2) * interval);
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
      const rule = part === undefined ? limit.rule(low, high) : limit.hotRule(part);
      const units = rule === undefined ? 0 : this.#rows.take(terms.buckets, low, high, rule, rule);
      // The time of a share is extended only after that share was published, so it is looked at first.
      const wasHeld = rule === undefined || this.#reader.wasHeld;
      if (this.#reader.current() !== limit.share) continue;
      if (!wasHeld) return NO_SHARE;
      if (part !== undefined) this.#counts.count(part.slot, units <= 0);
      else if (units <= 0) this.#refused.note(low, high, terms.interval, terms.burst);
      return rule === undefined ? limit.refusal : limit.verdict(units, rule);
    }
  }

  #peek(current: () => SharedLimit | undefined, terms: Terms, key: string): number {
    const limit = current();
    if (limit === undefined || !this.#reader.isHeld) return NO_SHARE;
    const { low, high } = this.#hashed(limit, key);
    const part = this.#reader.hot(low, high);
    const rule = part === undefined ? limit.rule(low, high) : limit.hotRule(part);
    const units = rule === undefined ? 0 : this.#rows.peek(terms.buckets, low, high, rule);
    if (units > 0) return units;
    // `take` is not called after this, so the refusal is counted here.
    if (part !== undefined) this.#counts.count(part.slot, true);
    else this.#refused.note(low, high, terms.interval, terms.burst);
    return rule === undefined ? limit.refusal : limit.verdict(units, rule);
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
