// A call of gRPC that has ended, as a response of HTTP: so breaker, retries and outlier ejection judge calls
// of both in the same way (verdict.ts). A status that the peer has sent is a response, whatever it is. When
// the library itself has ended the call, there is none: BAD_UPSTREAM.
//
// | end of the call                                   | response           | failure | repeated |
// |---------------------------------------------------|--------------------|---------|----------|
// | OK with one message                               | 200                | no      | no       |
// | OK without a message or with several              | BAD_UPSTREAM       | yes     | yes      |
// | a status with `x-multilane-code`                  | that of the problem document, as with HTTP |
// | UNAVAILABLE                                       | 503                | yes     | yes      |
// | DEADLINE_EXCEEDED                                 | 504                | yes     | yes      |
// | RESOURCE_EXHAUSTED                                | 429                | ignored | no       |
// | INTERNAL, UNKNOWN, DATA_LOSS                      | 500                | yes     | no       |
// | any other status                                  | 4xx, 501           | no      | no       |
// | no connection, or it was lost or refused a stream | BAD_UPSTREAM       | yes     | yes      |
// | a peer that speaks no HTTP/2 or no gRPC           | BAD_UPSTREAM       | yes     | yes      |
// | too long a message, too many metadata             | BAD_UPSTREAM       | yes     | yes      |
// | no file descriptor for a connection               | OVERLOADED         | ignored | no       |
//
// "Repeated" is so for methods that may be executed twice. test/upstream/grpc-verdicts.test.ts has each line.
import { ERROR_TABLE, type ErrorCode, HttpError } from '../errors.js';
import { CODE_FIELD, httpStatusOf, OK, PROBLEM_FIELD, type StatusName, statusName } from '../grpc/status.js';
import { OutOfFilesError } from '../open-files.js';
import { PROBLEM_JSON } from '../problem.js';
import type { Endpoint } from '../registry/endpoint.js';
import { receive } from './buffered-response.js';
import type { EndedCall } from './grpc-attempt.js';
import { responseFields } from './grpc-metadata.js';
import { STATUS_FIELD } from './rpc-fields.js';
import type { Received } from './transport.js';

const BROKEN = 'ended the call before the response was complete';

/** The peer, or this process for too many metadata, has ended the stream with ENHANCE_YOUR_CALM. */
const EXHAUSTED = /^Bandwidth exhausted or memory limit exceeded$/;
const TOO_LONG = /^Received message (?:larger|that decompresses)/;

/** Each text that the library gives a status of its own making, and what it shows about the endpoint. */
const SYMPTOMS: readonly (readonly [RegExp, string])[] = [
  [/^No connection established/, 'cannot be reached, or does not speak HTTP/2'],
  [/^Channel closed before call started/, 'did not accept the connection in time'],
  [/^Stream refused by server/, 'refused the request'],
  [/^Received HTTP status code \d+$/, 'does not speak gRPC'],
  [EXHAUSTED, 'sent or got too many metadata'],
  [/^Received (?:RST_STREAM with code|compressed message|message compressed)/, BROKEN],
  [
    /^(?:Connection dropped|Call cancelled|Protocol not secure enough|No status information received)$/,
    BROKEN,
  ],
  [
    /^(?:Write error: |Write failed with error |Failed to start HTTP\/2 stream|Failed to decompress )/,
    BROKEN,
  ],
  [/^(?:read|write) E[A-Z]+/, BROKEN],
];

/** @throws HttpError BAD_UPSTREAM, OutOfFilesError */
export function receivedOf(endpoint: Endpoint, ended: EndedCall): Received {
  const { status, metadata, messages } = ended;
  const fields = responseFields(metadata, status.metadata);
  if (messages.length > 1) throw badUpstream(endpoint, 'sent several messages as the response of one');
  if (status.code === OK) {
    if (messages.length === 0) throw badUpstream(endpoint, 'sent no message as its response');
    return receive(200, fields, messages[0]!);
  }
  const symptom = fields[CODE_FIELD] === undefined ? symptomOf(ended) : undefined;
  if (symptom === undefined) return failureOf(statusName(status.code), status.details, fields);
  const cause = new Error(status.details);
  throw OUT_OF_FILES.test(status.details)
    ? new OutOfFilesError(cause)
    : badUpstream(endpoint, symptom, cause);
}

const OUT_OF_FILES = /\bE[MN]FILE\b/;

/** Whether the peer may refuse further calls on the connection of this one. */
export const spoilsConnection = (ended: EndedCall): boolean =>
  ended.status.code !== OK && (EXHAUSTED.test(ended.status.details) || isTooLong(ended));

/**
 * A peer that refuses a request because of its length sends the same text, but no metadata before it,
 * whereas a response that is too long follows metadata.
 */
const isTooLong = ({ status, metadata }: EndedCall): boolean =>
  metadata !== undefined && TOO_LONG.test(status.details);

function symptomOf(ended: EndedCall): string | undefined {
  const { code, details } = ended.status;
  // A message that cannot be decompressed ends a call without a code.
  if (typeof code !== 'number') return BROKEN;
  if (isTooLong(ended)) return 'sent a longer response than is accepted';
  return SYMPTOMS.find(([text]) => text.test(details))?.[1];
}

/** The failure that a peer has sent, as the problem document that it is, or would be, over HTTP. */
function failureOf(name: StatusName, detail: string, fields: Readonly<Record<string, string>>): Received {
  const { [PROBLEM_FIELD]: encoded, [CODE_FIELD]: sentCode, ...headers } = fields;
  const sent = encoded === undefined ? {} : problemIn(encoded);
  // Only a peer that is written with Multilane has codes. The document of another one has none.
  const code = sentCode === '' ? undefined : sentCode;
  const status = statusOf(sent.status, code ?? name, name);
  const document = JSON.stringify({ detail, ...sent, code, status });
  // The fields of the runtime are read by `receive`.
  return receive(status, { ...headers, 'content-type': PROBLEM_JSON, [STATUS_FIELD]: name }, document);
}

interface Problem {
  readonly status?: unknown;
}

function problemIn(base64: string): Problem {
  try {
    const value: unknown = JSON.parse(Buffer.from(base64, 'base64').toString());
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}

/** A failure is never a success, whatever the problem document contains. */
function statusOf(sent: unknown, code: string, name: StatusName): number {
  if (Number.isInteger(sent) && (sent as number) >= 400 && (sent as number) <= 599) return sent as number;
  return Object.hasOwn(ERROR_TABLE, code) ? ERROR_TABLE[code as ErrorCode].status : httpStatusOf(name);
}

function badUpstream({ service, id }: Endpoint, symptom: string, cause?: unknown): HttpError {
  return new HttpError('BAD_UPSTREAM', `Instance ${id} of ${service} ${symptom}.`, { cause });
}
