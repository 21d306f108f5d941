// Exponential backoff with full jitter: callers that failed at the same moment come back at different ones.
// M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog 2015.
import type { Backoff, Random } from './policy.js';

export interface BackoffOptions {
  /** Upper bound of the first wait, in milliseconds. */
  readonly baseMs: number;
  /** Upper bound of every wait, in milliseconds. */
  readonly maxMs: number;
}

/**
 * The bound of the exponent: with more doublings the result would be infinite, and 0 x infinity is not a
 * number.
 */
const MOST_DOUBLINGS = 60;

/**
 * @param failures how often the work has failed, 1 for the first time
 * @returns milliseconds to wait, uniform in [0, min(maxMs, baseMs x 2^(failures - 1)))
 */
export function fullJitterMs(failures: number, { baseMs, maxMs }: BackoffOptions, random: Random): number {
  return random() * Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, MOST_DOUBLINGS));
}

/** @throws RangeError unless 0 < baseMs <= maxMs */
export function fullJitter(options: BackoffOptions, random: Random): Backoff {
  const { baseMs, maxMs } = options;
  if (!(baseMs > 0 && maxMs >= baseMs)) throw new RangeError('backoff: 0 < baseMs <= maxMs must hold');
  return (attempt) => fullJitterMs(attempt, options, random);
}
