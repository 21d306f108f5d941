import type { RateUsage } from '#src/memory/rate/rate-regions.js';

/** The usage of a table of rate limits, read at once. */
export function usageNow(rates: { usageInParts(): Generator<void, RateUsage> }): RateUsage {
  const parts = rates.usageInParts();
  for (;;) {
    const { done, value } = parts.next();
    if (done) return value;
  }
}
