// The contract of `shared`: named breakers, bulkheads and rate limits for work that does not go through
// `call`. One name is the same object for all workers of the process. Every service has names of its own.
import type { RateText } from '../rate.js';
import type { BreakerOptions } from '../resilience/breaker-options.js';
import type { BulkheadOptions } from '../resilience/bulkhead-options.js';
import type { Bulkhead } from '../resilience/bulkhead-queue.js';
import type { CircuitBreaker } from '../resilience/circuit-breaker.js';
import type { RateLimitResult } from '../resilience/rate-limit.js';

/** A rate limit by key that all workers of the process share. */
export interface SharedRateLimiter {
  /**
   * Takes one request of the key: in any interval of t seconds at most B + N*t of one key are allowed, over
   * all workers, and with the scope `cluster` over all processes.
   * @throws TypeError for a key that is not a string; UnavailableError STARTING while this process has no
   *   share of a limit with the scope `cluster`
   */
  take(key: string): RateLimitResult;
}

/** The options of `shared.rateLimiter`. */
export interface SharedRateLimiterOptions {
  /** The rate for each key: `N/second` or `N/minute`, optionally `;burst=B` (default N). */
  readonly limit: RateText;
  /**
   * Over what the limit counts: the workers of this process, or all processes that share a postgres or etcd
   * REGISTRY.
   * @default 'process'
   */
  readonly scope?: 'process' | 'cluster';
}

/**
 * Call these methods in `routes` and keep what they return, so that a mistake fails at the start. The same
 * name returns the same object again, and its options must be the same. Names match `[A-Za-z0-9._:-]{1,128}`.
 * @throws TypeError for a bad name, bad options, or options that differ from those of an earlier call;
 *   RangeError when the process has too many names: 64 breakers, 64 rate limits, and 256 bulkheads, those of
 *   routes and calls included
 * @example
 *   routes(app, { shared }) {
 *     const mail = shared.breaker('mail', { openMs: 10_000 });
 *     const perUser = shared.rateLimiter('uploads', { limit: '10/minute' });
 *     app.post('/uploads', async (ctx) => {
 *       const { allowed } = perUser.take(ctx.headers.get('x-user') ?? '');
 *       if (!allowed) throw new HttpError('RATE_LIMITED', 'Too many uploads.');
 *       await mail.run(() => sendMail(ctx.signal));
 *     });
 *   }
 */
export interface Shared {
  /** A circuit breaker, for a third party's API or a mail server: it refuses calls while they fail. */
  breaker(name: string, options?: BreakerOptions): CircuitBreaker;
  /** A limit on how many calls run at once. */
  bulkhead(name: string, options: BulkheadOptions): Bulkhead;
  /**
   * A rate limit by key.
   * @throws TypeError also for the scope `cluster` without a registry that allows it
   */
  rateLimiter(name: string, options: SharedRateLimiterOptions): SharedRateLimiter;
}
