// The URL of a request for an application of the fetch standard. A URL parser must find the path in it that
// the router has matched: otherwise a hook that guards one path would see another one than the application.
import { HttpError } from '../../errors.js';
import type { IncomingRequest } from '../incoming-request.js';

/**
 * What a URL parser would change or take for an end: segments that are `.` or `..`, backslashes, `#`, and
 * control characters (WHATWG URL Standard, "path state"). Letters, digits, `-`, `.`, `_` and `~` mean the
 * same when they are encoded (RFC 3986 section 2.3): many applications decode them, and the router compares
 * them as they are sent.
 */
const CHANGED_PATH = /[\\#\0-\x20\x7f]|(?:^|\/)\.{1,2}(?:\/|$)|%(?:2[de]|3\d|[46][1-9a-f]|[57][\da]|5f|7e)/i;
const [SPACE, DELETE] = [0x20, 0x7f];
const CHANGED_QUERY = /[#\0-\x20\x7f]/;
/** A port behind a host, which a URL omits when it is empty or the default. */
const PORT = /:(?:80|443)?$/;

export class RequestUrls {
  readonly #stripped: number;
  // Clients send the same host again and again, so the last one is not parsed again.
  #host = '';
  #scheme = '';
  #origin = '';

  /** @param stripped the number of characters at the beginning of each path that are left out */
  constructor(stripped: number) {
    this.#stripped = stripped;
  }

  /**
   * @throws HttpError MALFORMED_REQUEST for a path, a query or a host that a URL would not have as it was
   *   sent
   */
  of(request: IncomingRequest): string {
    const { path, query } = request.exchange.head;
    if ((!isPlain(path) && CHANGED_PATH.test(path)) || (query !== '' && CHANGED_QUERY.test(query)))
      throw malformed(
        'The path has "." or ".." as a segment or letters, digits, "-", ".", "_" or "~" encoded, or the URL has a character that must be encoded.',
      );
    const rest = path.slice(this.#stripped);
    // Behind a prefix the rest is empty, or begins with a slash.
    const url = this.#originOf(request) + (rest === '' ? '/' : rest);
    return query === '' ? url : `${url}?${query}`;
  }

  #originOf({ host, requestedScheme: scheme }: IncomingRequest): string {
    if (host === this.#host && scheme === this.#scheme) return this.#origin;
    const text = `${scheme}://${host}`;
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const sent = host.toLowerCase();
    // A URL has other forms of a host, such as 127.0.0.1 for 127.1, which hooks have not seen.
    if (url?.host !== sent && url?.host !== sent.replace(PORT, '')) throw malformed('Host is not valid.');
    this.#host = host;
    this.#scheme = scheme;
    this.#origin = url.origin;
    return this.#origin;
  }
}

/** Whether a path has none of the characters that may be changed. This is faster than the expression. */
function isPlain(path: string): boolean {
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i);
    if (code <= SPACE || code === DELETE || code === 0x23 || code === 0x25 || code === 0x2e || code === 0x5c)
      return false;
  }
  return true;
}

const malformed = (detail: string): HttpError => new HttpError('MALFORMED_REQUEST', detail);
