// The end of a failed call: its gRPC status with trailers, made from the problem document that an HTTP client
// would have got. So a failure has one description, whatever it is sent over (docs/contract.md, section 3).
import type { Metadata } from '@grpc/grpc-js';
import { grpcStatusOf } from '../../errors.js';
import { CODE_FIELD, PROBLEM_FIELD, STATUS_NUMBERS } from '../../grpc/status.js';
import type { Problem } from '../problem-response.js';
import type { RpcStatus } from './rpc-call.js';

/**
 * A longer problem document is sent without what the service has added to it: clients bound their metadata,
 * by default to 8 KiB.
 */
const MAX_PROBLEM_BYTES = 4 * 1024;
/** The longest text of a status, in characters; in `grpc-message` one of them takes up to nine bytes. */
const MAX_DETAIL = 400;
/** The longest code of a shortened problem document; in JSON a character takes up to six bytes. */
const MAX_CODE = 200;

/** The members of a problem document that every client reads. */
interface Description {
  readonly code: string;
  readonly detail: string;
  readonly status: number;
  readonly executed?: boolean;
}

/** Never throws. @param trailersOf makes metadata of a flat list of fields, the most important first */
export function failedStatus(
  { status, headers, body }: Pick<Problem, 'status' | 'headers' | 'body'>,
  trailersOf: (fields: readonly string[]) => Metadata,
): RpcStatus {
  const description = JSON.parse(body) as Description;
  const { code, detail } = description;
  const fields = [CODE_FIELD, String(code)];
  for (let i = 0; i < headers.length; i += 2) {
    if (isTrailer(headers[i]!)) fields.push(headers[i]!, headers[i + 1]!);
  }
  const trailers = trailersOf(fields);
  const text = detail.length > MAX_DETAIL ? `${detail.slice(0, MAX_DETAIL)}…` : detail;
  trailers.set(PROBLEM_FIELD, documentOf(body, description, text));
  // The library encodes the text by `encodeURI`, which throws for half a surrogate pair.
  const details = text.replace(LONE_SURROGATE, '\ufffd');
  return { code: STATUS_NUMBERS[grpcStatusOf(code, status)], details, metadata: trailers };
}

/** @param text the detail, shortened */
function documentOf(body: string, description: Description, text: string): Buffer {
  const { code, detail, status, executed } = description;
  for (const one of [body, JSON.stringify({ code, detail, status, executed })]) {
    const document = Buffer.from(one);
    if (document.length <= MAX_PROBLEM_BYTES) return document;
  }
  const shortCode = String(code).slice(0, MAX_CODE);
  return Buffer.from(JSON.stringify({ code: shortCode, detail: text, status, executed }));
}

const LONE_SURROGATE = /[\ud800-\udfff]/gu;

/** Fields of HTTP itself mean nothing in trailers. */
const isTrailer = (name: string): boolean => !HTTP_FIELDS.has(name) && !name.startsWith('grpc-');

const HTTP_FIELDS: ReadonlySet<string> = new Set([
  'allow',
  'connection',
  'content-length',
  'content-type',
  'upgrade',
  'www-authenticate',
]);
