// From what a caller asks for to what may be sent: pure, the same for every transport.
import type { CallOptions } from './call.js';

const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
/** RFC 9110 section 5.5 without obs-text: what may stand in a field and cannot end it. */
const FIELD_VALUE = /^[\t\x20-\x7e]*$/;
/** CONTRACT section 4. */
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;
/** Visible ASCII without the start of a fragment: nearly every path, so it is looked at first. */
const SAFE_PATH = /^[\x21\x22\x24-\x7e]+$/;
const LONE_SURROGATE = /[\ud800-\udfff]/gu;
const UNSAFE_IN_PATH = /[^\x21\x22\x24-\x7e]/gu;
const METHOD = /^[A-Z]{1,20}$/;

/** Belong to the connection (RFC 9110 section 7.6.1), to the framing, or to the client itself. */
const NOT_THE_CALLERS: ReadonlySet<string> = new Set([
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

export interface OutgoingContent {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string | undefined;
}

/** @throws TypeError for a method that is none, or that is not a request for a resource */
export function outgoingMethod(method: string): string {
  const upper = method.toUpperCase();
  if (!METHOD.test(upper) || upper === 'CONNECT' || upper === 'TRACE') {
    throw new TypeError(`call: ${JSON.stringify(method)} is not a method that can be called`);
  }
  return upper;
}

/** The path with its query; what may not stand in a request line is percent-encoded. @throws TypeError */
export function outgoingPath(path: string, query: CallOptions['query']): string {
  if (!path.startsWith('/')) throw new TypeError(`call: a path begins with "/", not ${JSON.stringify(path)}`);
  const safe = SAFE_PATH.test(path) ? path : encoded(path);
  if (query === undefined) return safe;
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) search.append(name, String(value));
  const text = search.toString();
  return text === '' ? safe : `${safe}${safe.includes('?') ? '&' : '?'}${text}`;
}

function encoded(path: string): string {
  return path.replace(LONE_SURROGATE, '\ufffd').replace(UNSAFE_IN_PATH, encodeURIComponent);
}

/**
 * Header fields the caller may set, and the body. Fields of the connection and of the framing are left out.
 * @throws TypeError for a name, value or key that could split the request, and for both `json` and `body`
 */
export function outgoingContent(options: CallOptions): OutgoingContent {
  if (options.json !== undefined && options.body !== undefined) {
    throw new TypeError('call: give json or body, not both');
  }
  const headers = Object.create(null) as Record<string, string>;
  for (const [given, value] of Object.entries(options.headers ?? {})) {
    const name = given.toLowerCase();
    if (!TOKEN.test(name)) throw new TypeError(`call: ${JSON.stringify(given)} is not a header name`);
    if (!FIELD_VALUE.test(value)) throw new TypeError(`call: the value of ${name} may not be sent`);
    if (!NOT_THE_CALLERS.has(name)) headers[name] = value;
  }
  if (options.idempotencyKey !== undefined) {
    if (!IDEMPOTENCY_KEY.test(options.idempotencyKey)) {
      throw new TypeError('call: an idempotency key is 1 to 255 visible ASCII characters');
    }
    headers['idempotency-key'] = options.idempotencyKey;
  }
  // A copy: what the caller makes of its bytes afterwards is no concern of an attempt that is still to come.
  const { body } = options;
  if (options.json === undefined)
    return { headers, body: typeof body === 'object' ? Uint8Array.from(body) : body };
  headers['content-type'] ??= 'application/json';
  return { headers, body: JSON.stringify(options.json) };
}
