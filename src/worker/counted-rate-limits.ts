// Rate limits over the tables that all workers share. Each refusal is counted by the name of its limit.
import { canShareLimits } from '../config/network-kinds.js';
import { ClusterRates } from '../memory/rate/cluster-rates.js';
import { RateTable } from '../memory/rate/rate-table.js';
import type { RateLimits } from '../server/route-rate-limits.js';
import type { WorkerMemory } from './worker-memory.js';

type Memory = Pick<WorkerMemory, 'block' | 'slot' | 'clock' | 'recorder'>;

/**
 * What becomes of limits over several processes: `shared`: this process has a share of them; `alone`: it has
 * the whole of them; `refused`: it may have none, because there is no registry through which processes agree.
 */
export type ClusterLimits = 'shared' | 'alone' | 'refused';

export const clusterLimitsOf = ({ registry }: { readonly registry: string }): ClusterLimits =>
  canShareLimits(registry) ? 'shared' : 'refused';

export function countedRateLimits(
  { block, slot, clock, recorder }: Memory,
  clusterLimits: ClusterLimits,
): RateLimits {
  const overflow = recorder.counter('multilane_rate_limit_overflow_total');
  const onOverflow = (): void => overflow.add();
  const counted = (table: Pick<RateLimits, 'limit'>): RateLimits['limit'] => {
    return (identity, intervalMs, burst) => {
      const cells = table.limit(identity, intervalMs, burst);
      const refused = recorder.counter('multilane_rate_limited_total', { limit: identity });
      const count = (verdict: number): number => {
        if (verdict < 0) refused.add();
        return verdict;
      };
      return { take: (key) => count(cells.take(key)), peek: (key) => count(cells.peek(key)) };
    };
  };
  const limit = counted(RateTable.of(block, clock, onOverflow));
  if (clusterLimits === 'refused') return { limit };
  if (clusterLimits === 'alone') return { limit, clusterLimit: limit };
  const shared = new ClusterRates({ block, slot, clock, onOverflow });
  return { limit, clusterLimit: counted(shared) };
}
