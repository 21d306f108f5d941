// What the route option `maxConcurrent` says.
import { Bulkhead } from '../resilience/bulkhead.js';
import type { MaxConcurrent } from './handler.js';
import type { Doors } from './observer.js';

const QUEUE_MS = 50;
const LONGEST_QUEUE_MS = 60_000;

/** @param name of the route, the same in all workers. @throws TypeError for bad numbers */
export function bulkheadOf(
  option: MaxConcurrent | undefined,
  name: string,
  doors: Pick<Doors, 'places'>,
): Bulkhead | undefined {
  if (option === undefined) return undefined;
  const { limit, queue = 0, queueMs = QUEUE_MS } = typeof option === 'number' ? { limit: option } : option;
  if (!(Number.isSafeInteger(limit) && limit >= 1)) throw bad('must be a whole number >= 1');
  if (!(Number.isSafeInteger(queue) && queue >= 0)) throw bad('queue must be a whole number');
  if (!(Number.isFinite(queueMs) && queueMs > 0 && queueMs <= LONGEST_QUEUE_MS)) {
    throw bad(`queueMs must be a number above 0, at most ${LONGEST_QUEUE_MS}`);
  }
  const places = doors.places(name);
  const onRefused = (): void => places.refused();
  return new Bulkhead({ permits: places.permits, limit, queue, queueMs, onRefused });
}

const bad = (reason: string): TypeError => new TypeError(`maxConcurrent: ${reason}`);
