// Problem documents (RFC 9457): the members that every failure has on both planes, and whole responses for
// those servers of the process that are not the data plane.
import { EXECUTED_FIELD, HttpError, isRuntimeField } from './errors.js';
import { shortText } from './redaction/shown-text.js';

export const PROBLEM_JSON = 'application/problem+json';

/** The part of a request that appears in its problem document. */
export interface FailedRequest {
  readonly requestId: string;
  readonly traceId: string;
  /** Whether its handler was called. Undefined for a probe, whose 503 is a status and refuses nothing. */
  readonly executed: boolean | undefined;
}

export interface ProblemResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * @param error any thrown value; if it is not an HttpError it becomes 500 INTERNAL with a text of no detail
 */
export function problemOf(error: unknown, request: FailedRequest): ProblemResponse {
  const failure =
    error instanceof HttpError ? error : new HttpError('INTERNAL', 'The request failed unexpectedly.');
  const { status, headers = {} } = failure;
  const own = Object.entries(headers).filter(([name]) => !isRuntimeField(name));
  return {
    status,
    headers: {
      'content-type': PROBLEM_JSON,
      ...(status === 503 ? { 'retry-after': '1' } : {}),
      ...Object.fromEntries(own),
      ...(status === 503 && request.executed === false ? { [EXECUTED_FIELD]: 'false' } : {}),
    },
    body: JSON.stringify(problemDocument(failure, request)),
  };
}

/** Every code of a service gives a valid URN (RFC 8141). */
const kebabCase = (code: string): string => code.toLowerCase().replace(/[^a-z0-9-]/g, '-');

/** The members of the problem document of a failure, in their order. */
export function problemDocument(
  error: HttpError,
  { requestId, traceId, executed }: FailedRequest,
): Readonly<Record<string, unknown>> {
  const { code, status, title, errors } = error;
  return {
    ...dataMembers(error.members),
    type: `urn:multilane:problem:${kebabCase(code)}`,
    title,
    status,
    detail: shortText(String(error.message)),
    instance: `urn:multilane:request:${requestId}`,
    code,
    traceId,
    // JSON omits undefined, so other statuses have no such member, even where the error carries one.
    executed: status === 503 ? executed : undefined,
    ...(errors === undefined ? {} : { errors }),
  };
}

/** Functions are dropped: JSON has none, and it would call one named toJSON for the whole document. */
const dataMembers = (members: HttpError['members'] = {}): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => typeof value !== 'function'));

/** The last step of a JSON Pointer to a member of an object (RFC 6901 section 3). */
export const pointerTo = (name: string): string => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
