// What the route option `maxConcurrent` says.
import { BulkheadQueue, checkedBulkhead } from '../resilience/bulkhead.js';
import type { MaxConcurrent } from './handler.js';
import type { Doors } from './observer.js';

/** @param name of the route, the same in all workers. @throws TypeError for bad numbers */
export function bulkheadOf(
  option: MaxConcurrent | undefined,
  name: string,
  doors: Pick<Doors, 'places'>,
): BulkheadQueue | undefined {
  if (option === undefined) return undefined;
  const settings = checkedBulkhead('maxConcurrent', typeof option === 'number' ? { limit: option } : option);
  const places = doors.places(name);
  return new BulkheadQueue({ permits: places.permits, ...settings, onRefused: () => places.refused() });
}
