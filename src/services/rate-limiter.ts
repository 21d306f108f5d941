// The rate limiter on its own: for a key of one's own in a job queue, or a program without a server. With the memory of
// another thread's limiter it is the same limiter. In a service, `shared.rateLimiter` is that of all workers already.

import { sweepHourly } from '../memory/hourly-sweep.js';
import type { PartMemory } from '../memory/part.js';
import { attachRates, createRateMemory } from '../memory/rate-memory.js';
import { parseRate } from '../rate.js';
import { type RateAnswer, RateLimit } from '../resilience/rate-limit.js';

export interface RateLimiterOptions {
  /** `N/second` or `N/minute`, optionally `;burst=B`. */
  readonly limit: string;
  /** Of a limiter in another thread, with which this one shares its counts. */
  readonly memory?: PartMemory;
  /** Keys that have a place of their own at once, 21 bytes each; more share some. Default 10,000. */
  readonly keys?: number;
  /** Limiters of one name and one `limit` in one memory are the same limit. */
  readonly name?: string;
}

export interface RateLimiter {
  /** In any interval of t seconds at most B + N*t of one key are admitted, over all threads. */
  take(key: string): RateAnswer;
  /** For other threads. A thread that has died holds nothing of it. */
  readonly memory: PartMemory;
  /** Ends the hourly sweep of unused rows; it keeps no process alive. */
  close(): void;
}

/**
 * @throws TypeError for a text that is no limit, RangeError for an impossible number of keys, Error for memory of anything
 *   else
 */
export function createRateLimiter(options: RateLimiterOptions): RateLimiter {
  const { limit: text, keys = 10_000, name = 'limiter', memory = createRateMemory(keys) } = options;
  const rate = parseRate(text);
  if (rate === undefined) throw new TypeError(`createRateLimiter: ${JSON.stringify(text)} is no limit`);
  const table = attachRates(memory);
  const limit = new RateLimit(name, rate, table.limit(name, rate.periodMs / rate.count, rate.burst));
  return { memory, take: (key) => limit.ask(key), close: sweepHourly(() => table.sweepInParts()) };
}
