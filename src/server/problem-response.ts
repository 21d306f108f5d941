// Turns what a request has thrown into its response: a problem document (RFC 9457, docs/errors.md).
import { EXECUTED_FIELD, HttpError } from '../errors.js';
import { type FailedRequest, problemDocument } from '../problem.js';
import { outwardError } from '../rpc-error.js';
import type { Scope } from '../scope.js';
import { toError } from '../telemetry/to-error.js';
import { checkField, setField } from './response/header-fields.js';
import { jsonOf } from './response/json-value.js';
import { kindOf } from './value-kind.js';

export interface Problem {
  readonly status: number;
  readonly code: string;
  /** A flat list: name, value, … The content type is not in it. */
  readonly headers: readonly string[];
  readonly body: string;
  /**
   * The error to log; undefined for a failure that only concerns the client and its request.
   */
  readonly fault: Error | undefined;
}

/**
 * Makes the problem document of a failure. It shows the message of an HttpError. Of any other error it shows
 * only that the request failed, because its message may hold what is not meant for clients.
 */
export function problemOf(thrown: unknown, request: FailedRequest & Pick<Scope, 'callFailed'>): Problem {
  const given = toError(thrown);
  const error = outwardError(given);
  // Repeating the request would only repeat the call that was refused.
  if (error !== given) request.callFailed?.();
  if (!(error instanceof HttpError)) return internalProblem(error, request);
  try {
    return { ...documentOf(error, request), fault: isFault(error) ? error : undefined };
  } catch (cause) {
    // The error has headers or members that cannot be sent: a fault of the server, not of the client.
    const fault = new Error('an error cannot be sent as a response', { cause });
    return internalProblem(Object.assign(fault, { thrown: error }), request);
  }
}

function internalProblem(fault: Error, request: FailedRequest): Problem {
  const told = new HttpError('INTERNAL', 'The request failed for a reason that was logged.');
  return { ...documentOf(told, request), fault };
}

const isFault = ({ code, status }: HttpError): boolean => code === 'INTERNAL' || status === 500;

function documentOf(error: HttpError, request: FailedRequest): Omit<Problem, 'fault'> {
  const { status } = error;
  if (!Number.isInteger(status) || status < 400 || status > 599 || error.code === 'CLIENT_CLOSED') {
    throw new RangeError(
      `${error.name} ${error.code} has the status ${typeof status === 'number' ? status : kindOf(status)}: use a whole number from 400 to 599`,
    );
  }
  const headers: string[] = [];
  if (status === 503) headers.push('retry-after', '1');
  if (status === 401) headers.push('www-authenticate', 'Bearer');
  // RFC 9110 sections 7.8 and 15.5.22.
  if (status === 426) headers.push('upgrade', 'websocket', 'connection', 'upgrade');
  for (const [name, value] of Object.entries(error.headers ?? {})) {
    const field = checkField(name, value);
    if (field !== undefined && field !== 'content-type') setField(headers, field, value);
  }
  if (status === 503 && request.executed === false) headers.push(EXECUTED_FIELD, 'false');
  const body = jsonOf(problemDocument(error, request));
  return { status, code: error.code, headers, body };
}
