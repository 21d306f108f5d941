// Places for calls that say `maxConcurrent`: those of all workers in shared memory, by the name of the called
// service. Names that find no row there have as many places in each worker: any number of services may come
// and go, and rows stay.
import type { BulkheadCells } from '../memory/bulkhead-cells.js';
import type { Counter } from '../memory/metrics/recorder.js';
import type { CallPermitsOf } from '../upstream/max-concurrent.js';

/** @param full counts refusals @param unshared counts calls of services that have no row */
export function callPermits(bulkheads: BulkheadCells, full: Counter, unshared: Counter): CallPermitsOf {
  /** Calls of this worker under way, by services without a row: only those that have any. */
  const held = new Map<string, number>();
  const own = (service: string): ReturnType<CallPermitsOf>['permits'] => ({
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
  return (service) => ({ permits: bulkheads.find(`call ${service}`) ?? own(service), refused });
}
