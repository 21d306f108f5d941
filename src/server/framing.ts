// Reads the head of a request, field by field, and finds what cannot be trusted in it. uWebSockets.js
// executes requests with duplicate or empty Content-Length and with any Transfer-Encoding. Where a proxy and
// this server may read different requests from one connection, a request can be smuggled past the proxy (RFC
// 9112 section 11.2). So such a request is refused and its connection closed.
import type { HttpError } from '../errors.js';
import { RequestHead } from './request-head.js';
import { isKnownMethod, methodUnknown } from './routing/methods.js';
import { ServerRefusal } from './server-refusal.js';

export interface HeadLimits {
  readonly maxHeaderBytes: number;
  readonly maxUrlBytes: number;
}

/** A number of at most 15 digits, which a double holds exactly. */
const LENGTH = /^\d{1,15}$/;
/** A host or literal address with an optional port (RFC 9112 section 3.2). */
const HOST = /^(?:[\w.\-~!$&'()*+,;=%]+|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?$/;
/** Bytes of `: ` and the line end. */
const FIELD_OVERHEAD = 4;
/** The core accepts this number of fields in a request. */
const MOST_FIELDS = 98;
/** What a client of HTTP adds to the fields of a request: `connection: keep-alive`. */
const [CONNECTION_FIELDS, CONNECTION_BYTES] = [1, 24] as const;

/**
 * A server has one reader and uses it for one head after another: `start`, `field` for every field line, then
 * `fault`. The head is a new one every time; everything else is valid until the next `start`.
 */
export class HeadReader {
  readonly #limits: HeadLimits;
  readonly #servesOther: (head: RequestHead) => boolean;
  head = new RequestHead('', '', '', false);
  /** The request announces trailers: fields after its body. */
  #hasTrailer = false;
  /** The request carries `Connection: close` in some form. The core does not recognize every form of it. */
  wantsClose = false;
  #bytes = 0;
  #hosts = 0;
  #problem: string | undefined;
  /** The last valid Host, which needs no second check. */
  #lastHost = '';

  /** @param servesOther whether a request is served whose method is none of the known ones */
  constructor(limits: HeadLimits, servesOther: (head: RequestHead) => boolean = () => false) {
    this.#limits = limits;
    this.#servesOther = servesOther;
  }

  /** @param path without the query */
  start(method: string, path: string, query: string): void {
    this.head = new RequestHead(method, path, query, false);
    this.#hasTrailer = false;
    this.wantsClose = false;
    this.#bytes = 0;
    this.#hosts = 0;
    this.#problem = undefined;
  }

  /**
   * Reads a field line. A bound function, so that the core can call it directly. @param name in lower case
   */
  readonly field = (name: string, value: string): void => {
    this.head.add(name, value);
    this.#bytes += name.length + value.length + FIELD_OVERHEAD;
    switch (name.length) {
      case 4:
        if (name === 'host') this.#host(value);
        break;
      case 7:
        if (name === 'trailer') this.#hasTrailer = true;
        break;
      case 10:
        if (name === 'connection') this.wantsClose ||= hasToken(value, 'close');
        break;
      case 14:
        if (name === 'content-length') this.#length(value);
        break;
      case 17:
        if (name === 'transfer-encoding') this.#coding(value);
        break;
    }
  };

  /** Trailers follow a chunked body. The core takes them for the next request. */
  get hasTrailers(): boolean {
    return this.head.isChunked && this.#hasTrailer;
  }

  /** @returns why this request must not be executed; undefined when it may be */
  fault(): HttpError | undefined {
    const { method } = this.head;
    if (this.#problem !== undefined) return new ServerRefusal('MALFORMED_REQUEST', this.#problem);
    if (this.#hosts !== 1) return new ServerRefusal('MALFORMED_REQUEST', 'Exactly one Host is required.');
    if (!isKnownMethod(method) && !this.#servesOther(this.head)) return methodUnknown();
    if (this.hasTrailers)
      return new ServerRefusal(
        'LENGTH_REQUIRED',
        'Trailers are not accepted; send the body with a Content-Length.',
      );
    return sizeFault(this.#limits, this.head, this.#bytes);
  }

  #host(value: string): void {
    this.#hosts++;
    if (value === this.#lastHost) return;
    if (HOST.test(value)) this.#lastHost = value;
    else this.#problem ??= 'Host is not valid.';
  }

  #length(value: string): void {
    const { head } = this;
    if (head.contentLength !== -1) this.#problem ??= 'Content-Length appears twice.';
    else if (head.isChunked) this.#problem ??= 'Content-Length and Transfer-Encoding exclude each other.';
    else if (!LENGTH.test(value)) this.#problem ??= 'Content-Length is not a number.';
    else head.contentLength = Number(value);
  }

  #coding(value: string): void {
    const { head } = this;
    if (head.contentLength !== -1) {
      this.#problem ??= 'Content-Length and Transfer-Encoding exclude each other.';
    } else if (head.isChunked || value !== 'chunked') {
      this.#problem ??= 'Transfer-Encoding is understood as "chunked" alone.';
    }
    head.isChunked = true;
  }
}

function sizeFault(
  { maxUrlBytes, maxHeaderBytes }: HeadLimits,
  { path, query }: RequestHead,
  headerBytes: number,
): HttpError | undefined {
  const urlBytes = path.length + (query === '' ? 0 : 1 + query.length);
  if (urlBytes > maxUrlBytes)
    return new ServerRefusal('URL_TOO_LONG', `The URL is longer than ${maxUrlBytes} bytes.`);
  if (headerBytes > maxHeaderBytes)
    return new ServerRefusal('HEADERS_TOO_LARGE', `The header is larger than ${maxHeaderBytes} bytes.`);
  return undefined;
}

/**
 * Finds what is too large of a request without a socket, as it would be over the network.
 * @returns why it must not be executed; undefined when it may be
 */
export function unsentFault(head: RequestHead, limits: HeadLimits): HttpError | undefined {
  const { headers } = head;
  if (headers.length / 2 + CONNECTION_FIELDS > MOST_FIELDS)
    return new ServerRefusal('HEADERS_TOO_LARGE', `The header has more than ${MOST_FIELDS} fields.`);
  let bytes = CONNECTION_BYTES;
  for (let i = 0; i < headers.length; i += 2)
    bytes += headers[i]!.length + headers[i + 1]!.length + FIELD_OVERHEAD;
  return sizeFault(limits, head, bytes);
}

function hasToken(value: string, token: string): boolean {
  return value.length >= token.length && value.split(',').some((part) => part.trim().toLowerCase() === token);
}
