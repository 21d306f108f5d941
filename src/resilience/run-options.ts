// Checks the arguments of `run` of a breaker and of a bulkhead, before the work is counted.
import { checkOptions, requireFunction, SIGNAL, shapeOf, typeErrorFor } from '../options.js';
import type { RunOptions } from './policy.js';

const RUN = shapeOf<RunOptions>('{ signal: ctx.signal }', { signal: SIGNAL });
const fail = typeErrorFor('run');

/**
 * @throws TypeError for bad options, and for work that is not a function, such as a promise of work that has
 *   already begun
 */
export function checkRun(work: unknown, options: RunOptions | undefined): void {
  requireFunction('work', work, '() => fetch(url)', fail);
  if (options !== undefined) checkOptions(options, RUN, fail);
}
