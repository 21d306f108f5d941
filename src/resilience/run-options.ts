// What `run` of a breaker and of a bulkhead is given. It is checked before the work is counted.
import { checkOptions, requireFunction, SIGNAL, shapeOf, typeErrorFor } from '../options.js';
import type { RunOptions } from './policy.js';

const RUN = shapeOf<RunOptions>('{ signal: ctx.signal }', { signal: SIGNAL });
const fault = typeErrorFor('run');

/**
 * @throws TypeError for work that is no function, such as a promise of work that has begun, and for bad
 *   options
 */
export function checkRun(work: unknown, options: RunOptions | undefined): void {
  requireFunction('work', work, '() => fetch(url)', fault);
  if (options !== undefined) checkOptions(options, RUN, fault);
}
