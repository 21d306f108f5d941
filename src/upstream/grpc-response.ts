// A call of gRPC that has ended, as a response of HTTP: so breaker, retries and outlier ejection judge calls
// of both in the same way (verdict.ts). A status that the peer has sent is a response, whatever it is. When
// the library itself has ended the call, there is none: BAD_UPSTREAM. Who made a status is marked where it is
// received (grpc-connections.ts): its text may be the same.
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
// | no connection, no HTTP/2, or a refused stream     | BAD_UPSTREAM       | yes     | always   |
// | a connection that was lost                        | BAD_UPSTREAM       | yes     | yes      |
// | a peer that speaks no gRPC                        | BAD_UPSTREAM       | yes     | yes      |
// | GOAWAY with ENHANCE_YOUR_CALM                     | OVERLOADED, 503    | for ejection | yes |
// | too many metadata, or one stream too many         | BAD_UPSTREAM       | yes     | yes      |
// | too long a message                                | BAD_UPSTREAM       | only where others do not | no |
// | a message of 2 GiB or more, which there cannot be | BAD_UPSTREAM       | yes     | yes      |
// | no file descriptor for a connection               | OVERLOADED         | ignored | no       |
// | the deadline, before any connection had room      | DEADLINE_EXCEEDED  | ignored | no       |
//
// "Repeated" is so for methods that may be executed twice, "always" for all. Each line has a test in
// test/upstream/grpc-verdicts.test.ts.
import { ERROR_TABLE, type ErrorCode, EXECUTED_FIELD, HttpError } from '../errors.js';
import { CODE_FIELD, httpStatusOf, OK, PROBLEM_FIELD, type StatusName, statusName } from '../grpc/status.js';
import { OutOfFilesError } from '../open-files.js';
import { PROBLEM_JSON } from '../problem.js';
import type { Endpoint } from '../registry/endpoint.js';
import { receive } from './buffered-response.js';
import { certificateFault } from './certificate-fault.js';
import type { EndedCall } from './grpc-attempt.js';
import { responseFields } from './grpc-metadata.js';
import { SENT_FIELD, STATUS_FIELD } from './rpc-fields.js';
import type { Received } from './transport.js';
import { OversizedError, UnreachedError } from './transport-errors.js';

const BROKEN = 'ended the call before the response was complete';

/**
 * The peer, or this process for too many metadata, has ended the stream with ENHANCE_YOUR_CALM. A peer on
 * Node.js refuses so what is more than it admits or keeps for a connection.
 */
const EXHAUSTED = /^Bandwidth exhausted or memory limit exceeded$/;
const EXCEEDED = 'refused the call as more than it admits, or sent or got too many metadata';
const TOO_LONG = /^Received message (?:larger|that decompresses)/;

const NO_CONNECTION = /^No connection established/;
const UNREACHABLE = 'cannot be reached, or does not speak HTTP/2';

const REFUSED = /^Stream refused by server/;

/** What is known about the connection of a call; see `GrpcChannel`. */
interface Connection {
  readonly refusal: string | undefined;
  readonly failure: unknown;
}

/** @throws HttpError BAD_UPSTREAM, OutOfFilesError */
export function receivedOf(endpoint: Endpoint, ended: EndedCall, connection: Connection): Received {
  const { status, metadata, messages } = ended;
  const fields = responseFields(metadata, status.metadata);
  if (messages.length > 1) throw badUpstream(endpoint, 'sent several messages as the response of one');
  if (status.code === OK) {
    if (messages.length === 0) throw badUpstream(endpoint, 'sent no message as its response');
    return receive(200, fields, messages[0]!);
  }
  if (isSent(ended)) return failureOf(statusName(status.code), status.details, fields);
  if (connection.refusal !== undefined) return refused(endpoint, connection.refusal);
  throw failureWithout(endpoint, ended, connection.failure);
}

/** The error of a call that the library has ended. @param failure why there was no connection */
function failureWithout(endpoint: Endpoint, ended: EndedCall, failure: unknown): HttpError {
  const { details } = ended.status;
  const detail = (symptom: string): string => `Instance ${endpoint.id} of ${endpoint.service} ${symptom}.`;
  const cause = new Error(details);
  if (OUT_OF_FILES.test(details)) return new OutOfFilesError(cause);
  if (NO_CONNECTION.test(details))
    return new UnreachedError(detail(certificateFault(failure) ?? UNREACHABLE), cause);
  if (REFUSED.test(details)) return new UnreachedError(detail('refused the request'), cause);
  if (isTooLong(ended) && isRpc(ended) && !isImpossible(details))
    return new OversizedError(detail('sent a longer response than is accepted'), cause);
  return badUpstream(endpoint, symptomOf(ended), cause);
}

/** Whether the peer has sent the status; else the library has made it. */
const isSent = ({ status }: EndedCall): boolean => status.metadata.get(SENT_FIELD).length > 0;

const OUT_OF_FILES = /\bE[MN]FILE\b/;

/** Whether the peer may refuse further calls on the connection of this one. */
export const spoilsConnection = (ended: EndedCall): boolean =>
  ended.status.code !== OK && !isSent(ended) && (EXHAUSTED.test(ended.status.details) || isTooLong(ended));

const isTooLong = ({ status }: EndedCall): boolean => TOO_LONG.test(status.details);

/** A message of 2 GiB or more cannot be one of Protocol Buffers, whose lengths are signed. */
const isImpossible = (details: string): boolean =>
  Number(/^Received message larger than max \((\d+)/.exec(details)?.[1] ?? 0) >= 2 ** 31;

function symptomOf(ended: EndedCall): string {
  const { details } = ended.status;
  const httpStatus = HTTP_STATUS.exec(details)?.[1];
  if (httpStatus !== undefined) return `responded with status ${httpStatus} of HTTP and without gRPC`;
  if (!isRpc(ended)) return 'does not speak gRPC';
  if (isImpossible(details)) return 'announced a message of an impossible length';
  return EXHAUSTED.test(details) ? EXCEEDED : BROKEN;
}

const HTTP_STATUS = /^Received HTTP status code (\d+)$/;

/** False for a page of HTML, the first bytes of which would be read as the length of a message. */
function isRpc({ metadata }: EndedCall): boolean {
  const [type] = metadata?.get('content-type') ?? [];
  return type === undefined || String(type).startsWith('application/grpc');
}

/** The connection was closed to slow down this client. An instance that does nothing else is ejected. */
function refused({ service, id }: Endpoint, what: string): Received {
  const detail = `Instance ${id} of ${service} closed the connection because of ${what}.`;
  const document = JSON.stringify({ detail, code: 'OVERLOADED', status: 503 });
  const received = receive(503, { 'content-type': PROBLEM_JSON, [STATUS_FIELD]: 'UNAVAILABLE' }, document);
  return Object.assign(received, { isRefusal: true });
}

/** The failure that a peer has sent, as the problem document that it is, or would be, over HTTP. */
function failureOf(name: StatusName, detail: string, fields: Readonly<Record<string, string>>): Received {
  const { [PROBLEM_FIELD]: encoded, [CODE_FIELD]: sentCode, ...headers } = fields;
  const sent = encoded === undefined ? executedOf(fields) : problemIn(encoded);
  // Only a peer that is written with Multilane has codes. The document of another one has none.
  const code = sentCode === '' ? undefined : sentCode;
  const status = statusOf(sent.status, code ?? name, name);
  const document = JSON.stringify({ detail, ...sent, code, status });
  // The fields of the runtime are read by `receive`.
  return receive(status, { ...headers, 'content-type': PROBLEM_JSON, [STATUS_FIELD]: name }, document);
}

interface Problem {
  readonly status?: unknown;
  readonly executed?: boolean;
}

const executedOf = (fields: Readonly<Record<string, string>>): Problem =>
  fields[EXECUTED_FIELD] === 'false' ? { executed: false } : {};

function problemIn(base64: string): Problem {
  try {
    const value: unknown = JSON.parse(Buffer.from(base64, 'base64').toString());
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
    // A document that is nested too deep can be read, but not written.
    JSON.stringify(value);
    return Object.fromEntries(Object.entries(value).filter(([name, member]) => isMember(name, member)));
  } catch {
    return {};
  }
}

/** The members that the standard or the runtime defines have the type that it says; others have any. */
function isMember(name: string, value: unknown): boolean {
  if (TEXTS.has(name)) return typeof value === 'string';
  if (name === 'errors') return Array.isArray(value);
  return name !== 'executed' || typeof value === 'boolean';
}

const TEXTS: ReadonlySet<string> = new Set(['type', 'title', 'detail', 'instance', 'code', 'traceId']);

/** A failure is never a success, whatever the problem document contains. */
function statusOf(sent: unknown, code: string, name: StatusName): number {
  if (Number.isInteger(sent) && (sent as number) >= 400 && (sent as number) <= 599) return sent as number;
  return Object.hasOwn(ERROR_TABLE, code) ? ERROR_TABLE[code as ErrorCode].status : httpStatusOf(name);
}

function badUpstream({ service, id }: Endpoint, symptom: string, cause?: unknown): HttpError {
  return new HttpError('BAD_UPSTREAM', `Instance ${id} of ${service} ${symptom}.`, { cause });
}
