// Rate limits over the table that all workers share. Each refusal is counted by the name of its limit.
import { RateTable } from '../memory/rate/rate-table.js';
import type { RateLimits } from '../server/route-rate-limits.js';
import type { WorkerMemory } from './worker-memory.js';

export function countedRateLimits({
  block,
  clock,
  recorder,
}: Pick<WorkerMemory, 'block' | 'clock' | 'recorder'>): RateLimits {
  const overflow = recorder.counter('multilane_rate_limit_overflow_total');
  const table = RateTable.of(block, clock, () => overflow.add());
  return {
    limit(identity, intervalMs, burst) {
      const cells = table.limit(identity, intervalMs, burst);
      const refused = recorder.counter('multilane_rate_limited_total', { limit: identity });
      return {
        take(key) {
          const verdict = cells.take(key);
          if (verdict <= 0) refused.add();
          return verdict;
        },
        peek(key) {
          const verdict = cells.peek(key);
          if (verdict < 0) refused.add();
          return verdict;
        },
      };
    },
  };
}
