// Shared calls that wait for one another in a circle: a handler that serves a shared call makes the same
// call, or shares one whose handler shares the first. Each would wait for the others until its deadline. Only
// calls within this process are known.
import { HttpError } from '../errors.js';
import type { SharedWork } from '../scope.js';

/** 500 `INTERNAL`: the call to be shared waits for its caller. */
export class SharedCircleError extends HttpError {
  constructor() {
    super('INTERNAL', 'A shared call waits for itself: let no handler share the call that it serves.');
  }
}

/** Whether one shared call waits for another, directly or through others, or is the same. */
export function isWaiting(one: SharedWork, other: SharedWork, seen = new Set<SharedWork>()): boolean {
  if (one === other) return true;
  seen.add(one);
  return [...one.waitsFor].some((next) => !seen.has(next) && isWaiting(next, other, seen));
}
