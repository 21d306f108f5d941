// Smoothed latencies (EWMA) of endpoints and of served requests.

/** A smoothed value halves in this time without samples, so what was slow once is tried again. */
const HALF_LIFE_MS = 10_000;
/** Up to this time hardly anything of a value is lost, which saves the computation of a power. */
const FRESH_MS = 900;

/** The part of a value that is left after a time without samples. */
export const remaining = (idleMs: number): number => 2 ** (-idleMs / HALF_LIFE_MS);

/**
 * The smoothed value after a sample. After a long silence a sample has the weight of what is lost of the
 * value: an endpoint that has recovered is known to be fast after one or two calls.
 * @param weight of a sample that follows the one before at once
 * @param idleMs time since the sample before
 */
export function smoothed(value: number, sample: number, weight: number, idleMs: number): number {
  const lost = idleMs < FRESH_MS ? 0 : 1 - remaining(idleMs);
  return value + (sample - value) * Math.max(weight, lost);
}
