// Turns the arguments of a call into a request that can be sent: pure functions, the same for every
// transport. Everything that a transport could not send is rejected here, so a failure of a transport is
// never a mistake of the caller.
import { describeValue } from '../options.js';
import type { PickerName } from '../upstream-options.js';
import type { Route } from './balancer.js';
import type { CallOptions, StreamedBody, StreamedCallOptions } from './call.js';
import { checkCall } from './call-options.js';
import { filledPath } from './path-params.js';
import { announcedLength, checkStreamed, isStreamedBody } from './streamed-options.js';

const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
/** Field values of RFC 9110 section 5.5 without obs-text: no character can end the field. */
const FIELD_VALUE = /^[\t\x20-\x7e]*$/;
export const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;
/** Visible ASCII without `#`: nearly every path, so it is tested first. */
const SAFE_PATH = /^[\x21\x22\x24-\x7e]+$/;
const LONE_SURROGATE = /[\ud800-\udfff]/gu;
const UNSAFE_IN_PATH = /[^\x21\x22\x24-\x7e]/gu;
const QUERY_TYPES: readonly string[] = ['string', 'number', 'boolean', 'bigint'];
const isQueryValue = (value: unknown): value is string | number | boolean | bigint =>
  QUERY_TYPES.includes(typeof value);
const METHOD = /^[A-Z]{1,20}$/;

/**
 * Fields that callers cannot set: those of the connection (RFC 9110 section 7.6.1) and of the framing, and
 * those that the runtime sets itself in every call.
 */
export const RESERVED_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-mesh-token',
  'x-request-deadline',
]);

/** The fields of a request for which the caller gives none. */
export const NO_FIELDS: Readonly<Record<string, string>> = Object.freeze(
  Object.create(null) as Record<string, string>,
);

/** A body that is sent as a whole. */
type WholeBody = Uint8Array | string | undefined;

export interface RequestContent {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: WholeBody;
  /** The value of the field `content-length`, which is not among `headers`. */
  readonly announced: string | undefined;
}

/** A request whose arguments were checked. */
export interface CheckedRequest extends Omit<CallRequest, 'content'> {
  /** The body of the call where it is streamed; then `body` is undefined. */
  readonly source?: { readonly pieces: StreamedBody; readonly length: number };
}

/** A streamed body of a request, which may still arrive. */
export interface StreamedContent {
  /**
   * Waits for its beginning, once however often it is called.
   * @returns the whole body where it has arrived with that, which may be sent several times; else an iterable
   *   that is read once
   */
  begin(): Promise<Uint8Array | AsyncIterable<Uint8Array>>;
  /**
   * When its last byte was taken, by the clock of attempts; undefined: it has not ended, or that is not
   * known.
   */
  readonly endedAt: number | undefined;
  /**
   * Since when the endpoint has taken no more of it, by the same clock; undefined while its source is waited
   * for.
   * @default that is not known
   */
  readonly untakenSince?: number | undefined;
  /**
   * Its beginning was waited for, so that nothing else may read it.
   * @default that is not known
   */
  readonly hasBegun?: boolean;
  /** Something of the iterable was read. It is gone then, so the request cannot be repeated. */
  readonly isStarted: boolean;
  /** The announced bytes; -1: unknown. */
  readonly length: number;
}

/** The request of a call, the same for every endpoint. */
export interface CallRequest {
  readonly headers: Readonly<Record<string, string>>;
  /** An iterable is read once, and no faster than the endpoint takes it. */
  readonly body: Uint8Array | string | AsyncIterable<Uint8Array> | undefined;
  /** @default 'http' */
  readonly protocol?: 'grpc';
  /**
   * Whether it may be executed twice although it is a POST without an idempotency key.
   * @default false
   */
  readonly isIdempotent?: boolean;
  /** The option `prefer: 'network'` of the client. @default false */
  readonly overNetwork?: boolean;
  /** The option `version` of the call. @default any */
  readonly version?: string;
  /** The option `hashKey` of the call. @default none */
  readonly hashKey?: string;
  /** The option `picker` of the call. @default that of the service */
  readonly picker?: PickerName;
  readonly method: string;
  /** The path with its query. */
  readonly path: string;
  /**
   * A body that is streamed: until it has ended, time passes because of its source.
   * @default none
   */
  readonly content?: StreamedContent | undefined;
}

/** The idempotent methods of RFC 9110 section 9.2.2, without TRACE, which cannot be called. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** Whether a request may be executed twice. */
export function mayRunTwice({ method, headers, isIdempotent }: CallRequest): boolean {
  return IDEMPOTENT.has(method) || isIdempotent === true || headers['idempotency-key'] !== undefined;
}

/** @throws TypeError for arguments that cannot be sent, and for unknown options */
export function checkedRequest(
  method: string,
  path: string,
  options: CallOptions | StreamedCallOptions,
  overNetwork = false,
): CheckedRequest {
  checkCall(options);
  const checked = checkedMethod(method);
  const { params } = options;
  const filled = params === undefined ? path : filledPath(path, params);
  const encodedWithQuery = encodedPath(filled, options.query);
  const { body: given } = options;
  const pieces = isStreamedBody(given) ? given : undefined;
  if (pieces !== undefined || options.stream === true) checkStreamed(checked, options, pieces);
  const { headers, body, announced } = requestContent(
    options,
    pieces === undefined ? (given as WholeBody) : undefined,
  );
  const request = {
    method: checked,
    path: encodedWithQuery,
    overNetwork,
    ...routeOf(options),
    headers,
    body,
  };
  if (pieces === undefined) return request;
  return { ...request, source: { pieces, length: announcedLength(announced) } };
}

/** The options that choose among the instances of a service. */
export const routeOf = ({
  version,
  hashKey,
  picker,
}: Pick<CallOptions, 'version' | 'hashKey' | 'picker'>): Pick<Route, 'version' | 'hashKey' | 'picker'> => ({
  ...(version !== undefined && { version }),
  ...(hashKey !== undefined && { hashKey }),
  ...(picker !== undefined && { picker }),
});

/** @throws TypeError for text that is not a method, and for CONNECT and TRACE */
export function checkedMethod(method: string): string {
  const upper = typeof method === 'string' ? method.toUpperCase() : '';
  if (!METHOD.test(upper) || upper === 'CONNECT' || upper === 'TRACE') {
    throw new TypeError(`call: ${describeValue(method)} is not a method that can be called`);
  }
  return upper;
}

/** @returns the path with its query, percent-encoded where needed @throws TypeError */
export function encodedPath(path: string, query: CallOptions['query']): string {
  if (typeof path !== 'string' || !path.startsWith('/')) {
    throw new TypeError(`call: the path must be a string that begins with "/", not ${describeValue(path)}`);
  }
  const safe = SAFE_PATH.test(path) ? path : encoded(path);
  if (query === undefined) return safe;
  const search = new URLSearchParams();
  for (const [name, value] of pairsOf('query', query)) {
    if (value === undefined) continue;
    if (!isQueryValue(value)) {
      throw new TypeError(
        `call: query: ${JSON.stringify(name)} must be a string, a number, true or false, or undefined to leave it out, ` +
          `not ${describeValue(value)}`,
      );
    }
    search.append(name, String(value));
  }
  const text = search.toString();
  return text === '' ? safe : `${safe}${safe.includes('?') ? '&' : '?'}${text}`;
}

/**
 * @returns the members of an object, or the entries of a Headers, URLSearchParams or Map @throws TypeError
 */
export function pairsOf(what: string, given: object): Iterable<readonly [name: string, value: unknown]> {
  return Symbol.iterator in given ? checkedPairs(what, given as Iterable<unknown>) : Object.entries(given);
}

function* checkedPairs(what: string, given: Iterable<unknown>): Generator<readonly [string, unknown]> {
  for (const pair of given) {
    if (!Array.isArray(pair) || pair.length !== 2 || typeof pair[0] !== 'string') {
      throw new TypeError(
        `call: ${what} must be made of names and values, not ${describeValue(given)} of ${describeValue(pair)}`,
      );
    }
    yield pair as unknown as readonly [string, unknown];
  }
}

function encoded(path: string): string {
  return path.replace(LONE_SURROGATE, '\ufffd').replace(UNSAFE_IN_PATH, encodeURIComponent);
}

/**
 * Collects the header fields and the body. RESERVED_FIELDS are omitted, and fields whose value is undefined.
 * @throws TypeError for a name, value or key that could split the request or is not a text, and when both
 *   `json` and `body` are given
 */
export function requestContent(
  options: Pick<CallOptions, 'headers' | 'idempotencyKey' | 'json'>,
  body?: WholeBody,
): RequestContent {
  const { json } = options;
  if (json !== undefined && body !== undefined) throw new TypeError('call: give json or body, not both');
  if (options.headers === undefined && options.idempotencyKey === undefined && json === undefined)
    return { headers: NO_FIELDS, body: ownBytes(body), announced: undefined };
  const headers = Object.create(null) as Record<string, string>;
  const announced = options.headers === undefined ? undefined : addFields(headers, options.headers);
  if (options.idempotencyKey !== undefined) {
    if (!IDEMPOTENCY_KEY.test(options.idempotencyKey)) {
      throw new TypeError('call: an idempotency key is 1 to 255 visible ASCII characters');
    }
    headers['idempotency-key'] = options.idempotencyKey;
  }
  if (json === undefined) return { headers, body: ownBytes(body), announced };
  headers['content-type'] ??= 'application/json';
  return { headers, body: jsonText(json), announced };
}

/** A copy: the caller may change its bytes before a later attempt sends them. @throws TypeError */
function ownBytes(body: WholeBody): WholeBody {
  if (typeof body !== 'object') return body;
  try {
    return new Uint8Array(body);
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new TypeError('call: the body has no bytes any more: its buffer was transferred', { cause });
  }
}

/** @returns the value of `content-length` @throws TypeError */
function addFields(
  headers: Record<string, string>,
  given: NonNullable<CallOptions['headers']>,
): string | undefined {
  let announced: string | undefined;
  for (const [name, value] of pairsOf('headers', given)) {
    const field = name.toLowerCase();
    if (!TOKEN.test(field)) throw new TypeError(`call: ${JSON.stringify(name)} is not a header name`);
    if (value === undefined) continue;
    if (typeof value !== 'string') {
      throw new TypeError(
        `call: the header ${field} must be a string, or undefined to leave it out, not ${describeValue(value)}`,
      );
    }
    if (!FIELD_VALUE.test(value)) {
      throw new TypeError(
        `call: the header ${field} may have tabs and printable ASCII only, so it may not be sent`,
      );
    }
    if (!RESERVED_FIELDS.has(field)) headers[field] = value;
    else if (field === 'content-length') announced = value;
  }
  return announced;
}

/** @throws TypeError for a value that JSON cannot represent, also when its `toJSON` returns undefined */
function jsonText(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value) as string | undefined;
  } catch (cause) {
    const { message } = cause as Error;
    throw new TypeError(`call: json must be a value that JSON can write: ${message}`, { cause });
  }
  if (text === undefined)
    throw new TypeError(`call: json must be a value that JSON can write, not ${describeValue(value)}`);
  return text;
}
