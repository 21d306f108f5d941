// What a call of several attempts may say about whether a handler has run: its last attempt alone does not
// decide, because a handler may have run in an earlier one.
import { HttpError } from '../errors.js';
import { BufferedResponse } from './buffered-response.js';
import type { OngoingCall } from './ongoing-call.js';
import type { Received } from './transport.js';
import { UnreachedError } from './transport-errors.js';

/** @param response of the last attempt @returns the response of the call */
export function certainResponse(call: OngoingCall, response: Received): Received {
  if (!response.notExecuted || call.hasNotRun) return response;
  const { status, headers, isFinal } = response;
  return new BufferedResponse(status, headers, response.bytes(), { notExecuted: false, isFinal });
}

/** @param thrown by the last attempt @returns what the call throws */
export function certainError(call: OngoingCall, thrown: unknown): unknown {
  if (!(thrown instanceof UnreachedError) || call.hasNotRun) return thrown;
  return new HttpError('BAD_UPSTREAM', thrown.message, { cause: thrown.cause });
}
