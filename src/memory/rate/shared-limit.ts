// A limit over several processes under one share: the rules by which this process charges rows
// (cluster-rates.ts).
import type { RateBuckets } from './rate-bucket.js';
import { UNITS_PER_MS } from './rate-row.js';
import type { RateRule } from './rate-rows.js';
import { MOST_SHARED } from './rate-table.js';
import {
  emptyAhead,
  emptyAt,
  type HotShare,
  isEven,
  keyShare,
  memberHash,
  partInterval,
  type Share,
  shareInterval,
} from './share.js';

/** The numbers of a limit. */
export interface Terms {
  readonly identity: string;
  readonly intervalMs: number;
  readonly burst: number;
  /** The distance of two admissions by one process that has the whole limit, in units. */
  readonly interval: number;
  readonly buckets: RateBuckets;
}

/** The rules of a key: that of its own row, and that of the overflow row. */
export interface Rules {
  readonly own: RateRule;
  readonly shared: RateRule;
}

/** A limit under one share. */
export class SharedLimit {
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
  #rulesOfPart(part: HotShare): Rules | undefined {
    const { rate, permits, emptyAt: since, changedAt } = part;
    if (rate === 0 || permits === 0) return undefined;
    const interval = partInterval(part, this.share.members.length);
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
