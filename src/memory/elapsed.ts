// Times in shared memory are one word: milliseconds of the shared clock modulo 2^32, which is 49 days.

/**
 * The clocks of two threads differ by microseconds, so a time that another thread wrote may be slightly later
 * than `now`.
 */
const SKEW_MS = 1_000;

/** Converts a reading of the shared clock into a word. */
export function toWord(milliseconds: number): number {
  return Math.floor(milliseconds) >>> 0;
}

/**
 * Milliseconds from `since` to `now`, both words (signed or not); 0 when `since` is slightly later than
 * `now`. After 49 days a time looks recent again: a caller must be able to bear that.
 */
export function elapsed(now: number, since: number): number {
  const difference = (now - since) | 0;
  return difference < 0 && difference > -SKEW_MS ? 0 : difference >>> 0;
}

/**
 * Whether `elapsed` is at most `ms`, below 2^31. It computes with small integers only, for paths that look at
 * many times.
 */
export function isWithin(ms: number, now: number, since: number): boolean {
  const difference = (now - since) | 0;
  return difference <= ms && difference > -SKEW_MS;
}
