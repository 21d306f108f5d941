// A rate limit as those who are limited see it: what is left, when to come back, and the header fields that
// say so (draft-ietf-httpapi-ratelimit-headers-11, structured fields). memory/rate/rate-table.ts keeps the
// cells, so the limit is that of the whole process.
import { describeValue } from '../options.js';
import { type Rate, rateText } from '../rate.js';

/** One limit over all its keys. */
export interface RateCells {
  /**
   * Positive: admitted, milliseconds until the whole burst is back; negative: refused, minus those to wait.
   */
  take(key: string): number;
  /**
   * Charges nothing, and gives no row to a key that has none. Negative: `take` would refuse, minus the
   * milliseconds to wait; 0: it may admit.
   */
  peek(key: string): number;
}

/** What `take` of the cells says, which needs no object per request. */
export type RateVerdict = number;

export const isAdmitted = (verdict: RateVerdict): boolean => verdict > 0;

/** Cells round times by less than a microsecond, which must show neither in a count nor in whole seconds. */
const ROUNDING = 0.1;
const ROUNDING_MS = 0.001;

/** What the key was told, for whoever answers by himself. */
export interface RateLimitResult {
  readonly allowed: boolean;
  /** How many more would be admitted now. */
  readonly remaining: number;
  /** Milliseconds until one would be admitted; 0 when this one was. */
  readonly retryAfterMs: number;
}

export class RateLimit {
  readonly rate: Rate;
  /** An item of the field `RateLimit-Policy`. */
  readonly policyItem: string;
  readonly #name: string;
  readonly #cells: RateCells;
  readonly #intervalMs: number;

  /** @param name tells the limits of one answer apart; letters, digits and `-` */
  constructor(name: string, rate: Rate, cells: RateCells) {
    if (!/^[a-z0-9-]+$/i.test(name)) throw new TypeError(`rate limit ${rateText(rate)}: bad name "${name}"`);
    const { count, periodMs, burst } = rate;
    this.rate = rate;
    this.#name = name;
    this.#cells = cells;
    this.#intervalMs = periodMs / count;
    const own = burst === count ? '' : `;multilane-burst=${burst}`;
    this.policyItem = `"${name}";q=${count};w=${periodMs / 1000}${own}`;
  }

  take(key: string): RateVerdict {
    return this.#cells.take(key);
  }

  /** Negative when `take` would refuse, as far as can be said without charging; 0 otherwise. */
  peek(key: string): RateVerdict {
    return this.#cells.peek(key);
  }

  /** @throws TypeError for a key that is no text: all numbers, and all objects, would be one key */
  ask(key: string): RateLimitResult {
    if (typeof key !== 'string') {
      throw new TypeError(`take: the key must be a string, such as String(id), not ${describeValue(key)}`);
    }
    const verdict = this.take(key);
    const allowed = isAdmitted(verdict);
    return { allowed, remaining: this.remaining(verdict), retryAfterMs: allowed ? 0 : -verdict };
  }

  /**
   * An item of the field `RateLimit`: how many would be admitted now, and seconds until that is all of the
   * burst.
   */
  item(verdict: RateVerdict): string {
    return `"${this.#name}";r=${this.remaining(verdict)};t=${secondsOf(verdict)}`;
  }

  /** How many more would be admitted now. */
  remaining(verdict: RateVerdict): number {
    if (!isAdmitted(verdict)) return 0;
    return Math.max(0, Math.floor(this.rate.burst - verdict / this.#intervalMs + ROUNDING));
  }
}

/** Whole seconds, up, at least one: `Retry-After` of a refusal; in `RateLimit` the same moment. */
export function secondsOf(verdict: RateVerdict): number {
  return Math.max(1, Math.ceil((Math.abs(verdict) - ROUNDING_MS) / 1000));
}
