// The bound of a rate limit, checked on a history of admissions.
import { expect } from 'chai';

export interface LawOptions {
  readonly intervalMs: number;
  readonly burst: number;
  /** The largest difference between the clocks of the threads. */
  readonly slackMs?: number;
}

/**
 * Checks that any interval of length t has at most `burst + t / interval` admissions.
 * @param times times of the admissions, in any order
 */
export function expectLawful(
  times: readonly number[],
  { intervalMs, burst, slackMs = 0 }: LawOptions,
  what = '',
): void {
  const sorted = times.toSorted((a, b) => a - b);
  const most = burst + slackMs / intervalMs;
  // `j - i + 1 <= most + (t[j] - t[i]) / interval` for all i <= j, in one pass: rearranged, the left side of
  // j must not exceed the least right side of any i before it.
  let least = Number.POSITIVE_INFINITY;
  for (const [index, time] of sorted.entries()) {
    least = Math.min(least, index - time / intervalMs);
    const excess = index + 1 - time / intervalMs - least - most;
    // This is the rounding error of the sum of doubles.
    if (excess > 1e-6) expect.fail(`${what} admission ${index + 1} at ${time} ms is ${excess} too many`);
  }
}
