// Failures of the admin plane as RFC 9457 problem documents, exactly as on the data plane (CONTRACT section
// 3).
import { EXECUTED_FIELD, HttpError, isRuntimeField } from './errors.js';
import { shortText } from './redaction/shown-text.js';

export interface ProblemResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What of the request appears in its problem document. */
export interface FailedRequest {
  readonly requestId: string;
  readonly traceId: string;
  /** Whether its handler was called. Undefined for a probe, whose 503 is a status and refuses nothing. */
  readonly executed: boolean | undefined;
}

/** @param error anything thrown; what is not an HttpError becomes 500 INTERNAL, whose text tells nothing */
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
