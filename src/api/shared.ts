// The contract of `shared`: what a service guards calls with that do not go through `call`, by name, the same
// for all workers of the process. Names are a service's own: `[A-Za-z0-9._:-]{1,128}`.
import type { BreakerOptions } from '../resilience/breaker-options.js';
import type { BulkheadOptions } from '../resilience/bulkhead-options.js';
import type { Bulkhead } from '../resilience/bulkhead-queue.js';
import type { CircuitBreaker } from '../resilience/circuit-breaker.js';
import type { RateLimitResult } from '../resilience/rate-limit.js';

/** A limit by key, without memory of its own. */
export interface SharedRateLimiter {
  /**
   * In any interval of t seconds at most B + N*t of one key are admitted, over all workers.
   * @throws TypeError for a key that is no text
   */
  take(key: string): RateLimitResult;
}

/**
 * Ask for them in `routes`, and keep them: what is wrong fails at the start. A name that is asked for again
 * is the same thing, and its numbers must be the same. Each throws TypeError for a bad name, bad numbers or
 * other numbers than before, and RangeError when the process has too many names: 64 breakers, 64 rate limits,
 * and 256 bulkheads, those of routes and calls included.
 */
export interface Shared {
  /** For a third party's API, a mail server: refuses at once while they fail. */
  breaker(name: string, settings?: BreakerOptions): CircuitBreaker;
  /** So many at once and no more. */
  bulkhead(name: string, settings: BulkheadOptions): Bulkhead;
  /** @param settings `limit`: `N/second` or `N/minute`, optionally `;burst=B` */
  rateLimiter(name: string, settings: { readonly limit: string }): SharedRateLimiter;
}
