// Rate limits over the table of the process, with what they refuse counted.
import type { Block } from '../memory/block.js';
import type { Clock } from '../memory/clock.js';
import type { Recorder } from '../memory/metrics/recorder.js';
import { RateTable } from '../memory/rate/rate-table.js';
import type { RateLimits } from '../server/route-rate-limits.js';

export function countedRateLimits(block: Block, clock: Clock, recorder: Recorder): RateLimits {
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
