// The one place where something thrown becomes an answer: RFC 9457 problem+json, CONTRACT section 3.
import { EXECUTED_FIELD, HttpError } from '../errors.js';
import { type FailedRequest, problemDocument } from '../problem.js';
import { toError } from '../telemetry/to-error.js';
import { checkField, setField } from './response/header-fields.js';
import { jsonOf } from './response/json-value.js';
import { kindOf } from './value-kind.js';

export interface Problem {
  readonly status: number;
  readonly code: string;
  /** Flat list name, value…, beside `content-type`. */
  readonly headers: readonly string[];
  readonly body: string;
  /**
   * What is to be logged of the failure; undefined for one that merely tells the client about its request.
   */
  readonly fault: Error | undefined;
}

/**
 * What is told of a failure. An HttpError tells what it says; of anything else only that it happened, because
 * its message may hold what is nobody's business.
 */
export function problemOf(thrown: unknown, request: FailedRequest): Problem {
  const error = toError(thrown);
  if (!(error instanceof HttpError)) return internalProblem(error, request);
  try {
    return { ...documentOf(error, request), fault: isFault(error) ? error : undefined };
  } catch (cause) {
    // Headers or members that cannot be sent: a fault in our code, not the caller's.
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
