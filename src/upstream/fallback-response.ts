// The response that stands in for that of a service (fallback.ts), and the error that stands for a response.
import { ERROR_TABLE, type ErrorCode, HttpError, isGatewayFailure } from '../errors.js';
import { checkOptions, type OptionsShape, shapeOf, typeErrorFor, wholeNumber } from '../options.js';
import { BufferedResponse } from './buffered-response.js';
import type { CallResponse, FallbackResponse } from './call.js';
import { CALL_KINDS, WHOLE_BODY } from './call-options.js';
import { requestContent } from './call-request.js';

const MARKS = { notExecuted: false, isFinal: false, isFallback: true };

const { headers, json } = CALL_KINDS;
const MEMBERS: OptionsShape = shapeOf<FallbackResponse>('{ json: [] }', {
  status: wholeNumber(200, 599),
  headers,
  json,
  body: WHOLE_BODY,
});

const fault = typeErrorFor('call: what its fallback has returned');

/**
 * @param given by a fallback: a description, or the response of another call
 * @throws TypeError for what is none, or cannot be sent
 */
export function fallbackResponse(given: FallbackResponse | CallResponse): CallResponse {
  if (given instanceof BufferedResponse)
    return new BufferedResponse(given.status, { ...given.headers }, given.bytes(), MARKS);
  checkOptions(given, MEMBERS, fault);
  const { status = 200, ...content } = given as FallbackResponse;
  const { headers: fields, body: bytes = '' } = requestContent(content, content.body);
  return new BufferedResponse(status, fields, bytes, MARKS);
}

const RETRY_AFTER = /^\d{1,5}$/;

/**
 * @returns the error that stands for a response with 502, 503 or 504; undefined for any other. A handler may
 *   let it pass on to its client, so it has nothing of what the service has written but a code that is known
 */
export function failureIn(service: string, response: CallResponse): HttpError | undefined {
  const { status, headers: fields } = response;
  if (!isGatewayFailure(status)) return undefined;
  const code = response instanceof BufferedResponse ? response.problem?.code : undefined;
  const { 'retry-after': retryAfter = '' } = fields;
  return new HttpError(
    isKnown(code) ? code : 'BAD_UPSTREAM',
    `Service ${service} responded with ${status}.`,
    {
      status,
      ...(RETRY_AFTER.test(retryAfter) && { headers: { 'retry-after': retryAfter } }),
    },
  );
}

const isKnown = (code: unknown): code is ErrorCode =>
  typeof code === 'string' && Object.hasOwn(ERROR_TABLE, code);
