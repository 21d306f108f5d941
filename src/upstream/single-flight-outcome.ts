// How a shared call (option `singleFlight`) ended, and which part of its result other callers may use.
import { isHttpError } from '../error-type.js';
import { type ErrorCode, HttpError, isGatewayFailure } from '../errors.js';
import type { Holds } from '../hold.js';
import type { SharedWork } from '../scope.js';
import { BufferedResponse } from './buffered-response.js';
import type { CallResponse } from './call.js';
import { SharedCircleError } from './shared-circle.js';
import type { SharedFailure, SharedResponse } from './single-flight-messages.js';
import type { Received } from './transport.js';
import { ThreadEndsError } from './transport-errors.js';

/**
 * `own`: a response that only the caller that made the call may use. `error`: an error in this worker, with
 * the failure that other callers get; undefined: they get nothing and call again.
 */
export type SharedCallOutcome =
  | SharedResponse
  | SharedFailure
  | { readonly kind: 'own'; readonly response: SharedResponse }
  | { readonly kind: 'error'; readonly error: unknown; readonly shared: SharedFailure | undefined };

const GATEWAY_TIMEOUT = 504;

/** Makes the call. It may stop when the signal aborts: then no caller waits any more. */
export type MakeSharedCall = (signal: AbortSignal, holds: Holds, work: SharedWork) => Promise<CallResponse>;

export interface SharedCallParts {
  /** Aborts when no caller waits for the call any more. */
  readonly controller: AbortController;
  /** Everything that the call holds. */
  readonly holds: Holds;
  readonly work: SharedWork;
}

export async function outcomeOf(
  make: MakeSharedCall,
  { controller: { signal }, holds, work }: SharedCallParts,
): Promise<SharedCallOutcome> {
  try {
    const response: CallResponse & Partial<Pick<Received, 'isFinal'>> = await make(signal, holds, work);
    const { status, headers: fields, notExecuted, isFinal = false } = response;
    const headers = { ...fields };
    const body = response.bytes();
    const shared: SharedResponse = { kind: 'response', status, headers, notExecuted, isFinal, body };
    // The deadline that has passed is the one of the caller that made the call.
    return status === GATEWAY_TIMEOUT ? { kind: 'own', response: shared } : shared;
  } catch (error) {
    return { kind: 'error', error, shared: signal.aborted ? undefined : failureOf(error) };
  }
}

/**
 * Callers share what has come of the attempts (502 and 503), and a circle, which all of them wait for. Their
 * deadlines, the fields of their requests, and how deep they are nested in other calls differ, and the thread
 * of another one may go on. Only an HttpError can be sent to another worker.
 */
function failureOf(error: unknown): SharedFailure | undefined {
  if (!isHttpError(error) || error instanceof ThreadEndsError) return undefined;
  const isOfAttempts = isGatewayFailure(error.status) && error.status !== GATEWAY_TIMEOUT;
  if (!isOfAttempts && !(error instanceof SharedCircleError)) return undefined;
  return { kind: 'failure', code: error.code, detail: error.message, headers: error.headers };
}

/** @returns the part of the outcome that other callers may use; undefined when there is none */
export function sharedPart(outcome: SharedCallOutcome): SharedResponse | SharedFailure | undefined {
  switch (outcome.kind) {
    case 'own':
      return undefined;
    case 'error':
      return outcome.shared;
    default:
      return outcome;
  }
}

/**
 * @returns a new response for every caller, so that none can change what another one reads
 * @throws the error that the call ended with
 */
export function responseOf(outcome: SharedCallOutcome): CallResponse {
  if (outcome.kind === 'response') {
    const { status, headers, body, notExecuted, isFinal } = outcome;
    return new BufferedResponse(status, { ...headers }, body, { notExecuted, isFinal });
  }
  if (outcome.kind === 'own') return responseOf(outcome.response);
  if (outcome.kind === 'error') throw outcome.error;
  const { code, detail, headers } = outcome;
  throw new HttpError(code as ErrorCode, detail, headers === undefined ? {} : { headers });
}
