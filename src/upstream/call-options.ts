// The numbers among the options of a call. One that is none would switch off what it bounds.
import type { CallOptions } from './call.js';

const RETRIES = 2;

/** @throws TypeError; Infinity is allowed: the deadline of the request alone holds */
export function timeoutMsOf({ timeoutMs }: CallOptions): number | undefined {
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs >= 0))
    throw new TypeError('call: timeoutMs must be a number of milliseconds');
  return timeoutMs;
}

/** @throws TypeError */
export function hedgeMsOf({ hedgeMs }: CallOptions): number | undefined {
  if (hedgeMs !== undefined && !(Number.isFinite(hedgeMs) && hedgeMs >= 0))
    throw new TypeError('call: hedgeMs must be a number of milliseconds');
  return hedgeMs;
}

/** @throws TypeError */
export function retriesOf({ retries = RETRIES }: CallOptions): number {
  if (!(Number.isInteger(retries) && retries >= 0))
    throw new TypeError('call: retries must be a whole number');
  return retries;
}
