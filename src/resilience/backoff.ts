// Exponential backoff with full jitter: everybody who failed at the same moment comes back at another one.
// M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog 2015.
import type { Backoff, Random } from './policy.js';

export interface BackoffOptions {
  /** Upper bound of the first wait, in milliseconds. */
  readonly baseMs: number;
  /** Upper bound of every wait. */
  readonly maxMs: number;
}

/** A wait uniform in [0, min(maxMs, baseMs x 2^(attempt - 1))). */
export function fullJitter({ baseMs, maxMs }: BackoffOptions, random: Random): Backoff {
  if (!(baseMs > 0 && maxMs >= baseMs)) throw new RangeError('backoff: 0 < baseMs <= maxMs must hold');
  return (attempt) => random() * Math.min(maxMs, baseMs * 2 ** (attempt - 1));
}
