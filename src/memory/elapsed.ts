// Times in shared memory are one word: milliseconds of the shared clock modulo 2^32, which is 49 days.

/** Clocks of two threads differ by microseconds, so a moment another thread wrote may lie just ahead. */
const SKEW_MS = 1_000;

/** A reading of the shared clock as it is kept in a word. */
export function toWord(milliseconds: number): number {
  return Math.floor(milliseconds) >>> 0;
}

/**
 * Milliseconds from `since` to `now`, both words (signed or not); 0 when `since` is just ahead of `now`.
 * After 49 days a moment looks recent once more: callers must be such that this does no harm.
 */
export function elapsed(now: number, since: number): number {
  const difference = (now - since) | 0;
  return difference < 0 && difference > -SKEW_MS ? 0 : difference >>> 0;
}
