// Permits for calls with the option `maxConcurrent`. They are counted over all workers, in a row of shared
// memory for each called service. Rows are never freed, and any number of services may come and go, so only
// the first ones get a row: calls of any other service are counted in each worker by itself.
import type { BulkheadCells } from '../memory/bulkhead-cells.js';
import type { Counter } from '../memory/metrics/recorder.js';
import type { CallPermitsOf } from '../upstream/max-concurrent.js';

/**
 * @param full counts refusals
 * @param unshared counts calls of services that have no row
 */
export function callPermits(bulkheads: BulkheadCells, full: Counter, unshared: Counter): CallPermitsOf {
  /** The number of running calls of this worker to each service that has no row. */
  const held = new Map<string, number>();
  const ownPermits = (service: string): ReturnType<CallPermitsOf>['permits'] => ({
    enter(most) {
      const before = held.get(service) ?? 0;
      if (before >= most) return false;
      held.set(service, before + 1);
      unshared.add();
      return true;
    },
    leave() {
      const left = held.get(service)! - 1;
      if (left === 0) held.delete(service);
      else held.set(service, left);
    },
  });
  const refused = (): void => full.add();
  return (service) => ({ permits: bulkheads.find(`call ${service}`) ?? ownPermits(service), refused });
}
