// Problem documents (RFC 9457) of the admin plane. They are the same as those of the data plane.
import { EXECUTED_FIELD, HttpError, isRuntimeField } from './errors.js';
import { shortText } from './redaction/shown-text.js';

export interface ProblemResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The properties of a request that appear in its problem document. */
export interface FailedRequest {
  readonly requestId: string;
  readonly traceId: string;
  /** Whether the handler was called. Undefined for a probe: its 503 reports a status and refuses nothing. */
  readonly executed: boolean | undefined;
}

/**
 * @param error any thrown value; if it is not an HttpError it becomes 500 INTERNAL with a text of no detail
 */
export function problemOf(error: unknown, { requestId, traceId, executed }: FailedRequest): ProblemResponse {
  const failure =
    error instanceof HttpError ? error : new HttpError('INTERNAL', 'The request failed unexpectedly.');
  const { code, status, title, message: detail, members, errors, headers = {} } = failure;
  const body = JSON.stringify({
    ...members,
    type: `urn:multilane:problem:${code.toLowerCase().replaceAll('_', '-')}`,
    title,
    status,
    detail: shortText(detail),
    instance: `urn:multilane:request:${requestId}`,
    code,
    traceId,
    executed: status === 503 ? executed : undefined,
    ...(errors === undefined ? {} : { errors }),
  });
  const own = Object.entries(headers).filter(([name]) => !isRuntimeField(name));
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      ...(status === 503 ? { 'retry-after': '1' } : {}),
      ...Object.fromEntries(own),
      ...(status === 503 && executed === false ? { [EXECUTED_FIELD]: 'false' } : {}),
    },
    body,
  };
}
