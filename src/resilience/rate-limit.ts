// A rate limit as its clients see it: how many requests remain, when to retry, and the header fields that
// contain both (draft-ietf-httpapi-ratelimit-headers-11, structured fields). memory/rate/rate-table.ts
// decides which requests are within the limit, in cells of shared memory, so the limit is that of the whole
// process. Routes apply it in server/route-rate-limits.ts; docs/architecture.md lists the other files.
import { UnavailableError } from '../errors.js';
import { describeValue } from '../options.js';
import { type Rate, rateText } from '../rate.js';

/** The cells of one limit, for all its keys. */
export interface RateCells {
  /**
   * @returns admitted: milliseconds until the whole burst is available again, positive; rejected: minus the
   *   milliseconds to wait; 0: the limit is one over several processes, and this one has no share of it
   */
  take(key: string): number;
  /**
   * Charges nothing, and gives no row to a key that has none.
   * @returns minus the milliseconds to wait when `take` would reject; a positive number when it may admit; 0:
   *   as `take`
   */
  peek(key: string): number;
}

/** The result of `take` and `peek` of the cells: a number, so that no object is made per request. */
export type RateVerdict = number;

export const isAdmitted = (verdict: RateVerdict): boolean => verdict > 0;

/** Cells round times by less than a microsecond; that must change neither a count nor whole seconds. */
const ROUNDING = 0.1;
const ROUNDING_MS = 0.001;

/** The result of a rate limiter for one key, for a handler that makes its own response. */
export interface RateLimitResult {
  readonly allowed: boolean;
  /** How many more requests of the key would be admitted now. */
  readonly remaining: number;
  /** Milliseconds until one would be admitted; 0 when this one was allowed. */
  readonly retryAfterMs: number;
}

export class RateLimit {
  readonly rate: Rate;
  /** The item of this limit in the field `RateLimit-Policy`. */
  readonly policyItem: string;
  readonly #name: string;
  readonly #cells: RateCells;
  readonly #intervalMs: number;

  /**
   * @param name distinguishes the limits of one response; letters, digits and `-`
   * @throws TypeError for a name with other characters
   */
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

  /** The sign is that of `take`, as far as that is known without charging. */
  peek(key: string): RateVerdict {
    return this.#cells.peek(key);
  }

  /**
   * Charges the key, like `take`, and describes the result.
   * @throws TypeError for a key that is not a text: all numbers, and all objects, would be one key;
   *   UnavailableError STARTING while this process has no share of the limit
   */
  takeWithResult(key: string): RateLimitResult {
    if (typeof key !== 'string') {
      throw new TypeError(`take: the key must be a string, such as String(id), not ${describeValue(key)}`);
    }
    const verdict = this.take(key);
    if (verdict === 0) throw new UnavailableError('STARTING', 'The process has no share of the limit yet.');
    const allowed = isAdmitted(verdict);
    return { allowed, remaining: this.remaining(verdict), retryAfterMs: allowed ? 0 : -verdict };
  }

  /**
   * The item of this limit in the field `RateLimit`: how many requests would be admitted now, and the seconds
   * until the whole burst would be.
   */
  item(verdict: RateVerdict): string {
    return `"${this.#name}";r=${this.remaining(verdict)};t=${secondsOf(verdict)}`;
  }

  /** How many more requests would be admitted now. */
  remaining(verdict: RateVerdict): number {
    if (!isAdmitted(verdict)) return 0;
    return Math.max(0, Math.floor(this.rate.burst - verdict / this.#intervalMs + ROUNDING));
  }
}

/** Whole seconds, rounded up, at least one: `Retry-After` of a rejection, and the time in `RateLimit`. */
export function secondsOf(verdict: RateVerdict): number {
  return Math.max(1, Math.ceil((Math.abs(verdict) - ROUNDING_MS) / 1000));
}
