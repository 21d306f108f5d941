// The rate limiter on its own: for a key of one's own in a job queue, or a program without a server. With the
// memory of another thread's limiter it is the same limiter. In a service, `shared.rateLimiter` is that of
// all workers already.
import { sweepHourly } from '../memory/hourly-sweep.js';
import type { PartMemory } from '../memory/part.js';
import { attachRates, createRateMemory } from '../memory/rate/rate-memory.js';
import { ANYTHING, checkOptions, shapeOf, TEXT, typeErrorFor } from '../options.js';
import { parseRate, RATE } from '../rate.js';
import { RateLimit, type RateLimitResult } from '../resilience/rate-limit.js';

export interface RateLimiterOptions {
  /** `N/second` or `N/minute`, optionally `;burst=B`. */
  readonly limit: string;
  /** Of a limiter in another thread, with which this one shares its counts. */
  readonly memory?: PartMemory;
  /**
   * Keys in use at once that have a row of their own, but for one in a million. 28 KiB, and 149 to 298 bytes
   * each: the table is a power of two. A key without a row shares one: its limit is too strict, never too
   * lax. A key is in use until its whole burst is there again. 1 to 10,000,000.
   * @default 10_000 (2 MiB)
   */
  readonly keys?: number;
  /**
   * Limiters of one name in one memory are the same limit, so their `limit` must be the same; at most 64
   * names.
   */
  readonly name?: string;
}

export interface RateLimiter {
  /**
   * In any interval of t seconds at most B + N*t of one key are admitted, over all threads.
   * @throws TypeError for a key that is no text
   */
  take(key: string): RateLimitResult;
  /** For other threads. A thread that has died holds nothing of it. */
  readonly memory: PartMemory;
  /** Ends the hourly sweep of unused rows; it keeps no process alive. */
  close(): void;
}

const OPTIONS = shapeOf<RateLimiterOptions>(
  "{ limit: '100/minute' }",
  { limit: RATE, memory: ANYTHING, keys: ANYTHING, name: TEXT },
  ['limit'],
);

/**
 * @throws TypeError for a text that is no limit, and one that is not that of the memory; RangeError for an
 *   impossible number of keys, or too many names; Error for memory of anything else
 */
export function createRateLimiter(options: RateLimiterOptions): RateLimiter {
  checkOptions(options, OPTIONS, typeErrorFor('createRateLimiter'));
  const { limit: text, keys = 10_000, name = 'limiter', memory = createRateMemory(keys) } = options;
  const { table, names } = attachRates(memory);
  const rate = parseRate(text)!;
  const { count, periodMs, burst } = rate;
  if (!names.agree(names.rowOf(name), [count, periodMs, burst], false)) {
    throw new TypeError(`createRateLimiter: the memory is of a limiter "${name}" with another limit`);
  }
  const limit = new RateLimit(name, rate, table.limit(name, periodMs / count, burst));
  return { memory, take: (key) => limit.takeWithResult(key), close: sweepHourly(() => table.sweepInParts()) };
}
