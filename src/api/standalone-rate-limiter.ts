// A rate limiter for programs without a server, such as the worker of a job queue. A thread that passes the
// memory of another thread's limiter uses the same limiter. In a service, `shared.rateLimiter` already is one
// for all workers.
import { sweepHourly } from '../memory/hourly-sweep.js';
import type { PartMemory } from '../memory/part.js';
import { attachRates, createRateMemory } from '../memory/rate/rate-memory.js';
import { ANYTHING, checkOptions, shapeOf, TEXT, typeErrorFor } from '../options.js';
import { parseRate, RATE, type RateText } from '../rate.js';
import { RateLimit, type RateLimitResult } from '../resilience/rate-limit.js';

/** The options of `createRateLimiter`. */
export interface RateLimiterOptions {
  /** The rate for each key: `N/second` or `N/minute`, optionally `;burst=B` (default N). */
  readonly limit: RateText;
  /**
   * The memory of a limiter in another thread; both then share their counts.
   * @default new memory
   */
  readonly memory?: PartMemory;
  /**
   * How many keys may be in use at once, 1 to 10,000,000. A key is in use until its whole burst is available
   * again. Each key has a row of its own, except for fewer than one in a million, which share a row with
   * others. A limit in a shared row is too strict, never too lax. The memory is 28 KiB plus 149 to 298 bytes
   * for each key, since the size of the table is a power of two.
   * @default 10_000 (2 MiB)
   */
  readonly keys?: number;
  /**
   * The name of the limit within its memory. Limiters of one name and memory are the same limit, so their
   * `limit` must be the same; a memory has at most 64 names.
   * @default 'limiter'
   */
  readonly name?: string;
}

/** A rate limiter whose counts several threads share. */
export interface RateLimiter {
  /**
   * Takes one request of the key: in any interval of t seconds at most B + N*t of one key are allowed, over
   * all threads.
   * @throws TypeError for a key that is not a string
   */
  take(key: string): RateLimitResult;
  /** The memory to pass to another thread. A thread that ends leaves nothing to be released. */
  readonly memory: PartMemory;
  /** Ends the hourly sweep of unused rows. The sweep does not keep the process alive. */
  close(): void;
}

const OPTIONS = shapeOf<RateLimiterOptions>(
  "{ limit: '100/minute' }",
  { limit: RATE, memory: ANYTHING, keys: ANYTHING, name: TEXT },
  ['limit'],
);

/**
 * Creates a rate limiter, or attaches to that of another thread.
 * @throws TypeError for a malformed limit, or one that differs from that in the memory; RangeError for a bad
 *   number of keys, or too many names; Error for memory of another kind
 * @example
 *   const limiter = createRateLimiter({ limit: '100/minute;burst=20' });
 *   const { allowed, retryAfterMs } = limiter.take(customerId);
 */
export function createRateLimiter(options: RateLimiterOptions): RateLimiter {
  checkOptions(options, OPTIONS, typeErrorFor('createRateLimiter'));
  const { limit: text, keys = 10_000, name = 'limiter', memory = createRateMemory(keys) } = options;
  const { table, names } = attachRates(memory);
  const rate = parseRate(text)!;
  const { count, periodMs, burst } = rate;
  if (!names.agree(names.rowOf(name), [count, periodMs, burst], false)) {
    throw new TypeError(`createRateLimiter: the memory has a limiter "${name}" with another limit`);
  }
  const limit = new RateLimit(name, rate, table.limit(name, periodMs / count, burst));
  return { memory, take: (key) => limit.takeWithResult(key), close: sweepHourly(() => table.sweepInParts()) };
}
