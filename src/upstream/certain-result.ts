// What a call of several attempts may say about whether a handler has run: its last attempt alone does not
// decide, because a handler may have run in an earlier one.
import { types } from 'node:util';
import { BufferedResponse } from './buffered-response.js';
import type { OngoingCall } from './ongoing-call.js';
import type { Received } from './transport.js';

/** @param response of the last attempt @returns the response of the call */
export function certainResponse(call: OngoingCall, response: Received): Received {
  if (!response.notExecuted || call.hasNotRun) return response;
  const { status, headers, isFinal } = response;
  return new BufferedResponse(status, headers, response.bytes(), { notExecuted: false, isFinal });
}

/**
 * An error of any class may assert that no handler has run. It belongs to the last attempt, so where the
 * assertion does not hold for all of them, it is withdrawn.
 * @param thrown by the last attempt @returns what the call throws
 */
export function certainError(call: OngoingCall, thrown: unknown): unknown {
  if (!call.hasNotRun && types.isNativeError(thrown) && 'notExecuted' in thrown)
    Reflect.defineProperty(thrown, 'notExecuted', { value: false });
  return thrown;
}
