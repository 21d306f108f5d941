// The route option `maxConcurrent`.
import { describeValue } from '../options.js';
import { checkedBulkheadOptions } from '../resilience/bulkhead-options.js';
import type { BulkheadQueue } from '../resilience/bulkhead-queue.js';
import type { MaxConcurrent } from './handler.js';
import type { RequestGates } from './request-observer.js';

/** @param name of the route, the same in all workers. @throws TypeError for bad numbers */
export function bulkheadOf(
  option: MaxConcurrent | undefined,
  name: string,
  gates: Pick<RequestGates, 'bulkhead'>,
): BulkheadQueue | undefined {
  if (option === undefined) return undefined;
  if (typeof option !== 'number' && typeof option !== 'object') {
    throw new TypeError(
      `maxConcurrent: it must be a number, or { limit, queue, queueMs }, not ${describeValue(option)}`,
    );
  }
  const settings = checkedBulkheadOptions(
    'maxConcurrent',
    typeof option === 'number' ? { limit: option } : option,
  );
  return gates.bulkhead(name, settings);
}
