// Failures of the admin plane as RFC 9457 problem documents, exactly as on the data plane (CONTRACT section 3).
import { HttpError } from '../../errors.js';

export interface ProblemAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** @param error anything thrown; what is not an HttpError becomes 500 INTERNAL, whose text tells nothing */
export function problemOf(error: unknown, requestId: string, traceId: string): ProblemAnswer {
  const failure =
    error instanceof HttpError ? error : new HttpError('INTERNAL', 'The request failed unexpectedly.');
  const { code, status, title, message: detail, members, errors, headers } = failure;
  const body = JSON.stringify({
    ...members,
    type: `urn:multilane:problem:${code.toLowerCase().replaceAll('_', '-')}`,
    title,
    status,
    detail,
    instance: `urn:multilane:request:${requestId}`,
    code,
    traceId,
    ...(errors === undefined ? {} : { errors }),
  });
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      ...(status === 503 ? { 'retry-after': '1' } : {}),
      ...headers,
    },
    body,
  };
}
