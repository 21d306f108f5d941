// The URL of a request for an application of the fetch standard. A URL parser must find the path in it that
// the router has matched: otherwise a hook that guards one path would see another one than the application.
// Like each `Request.url` it is serialized: a URL parser makes the very same text of it.
import { HttpError } from '../../errors.js';
import type { IncomingRequest } from '../incoming-request.js';

/**
 * What a URL parser would change in a path: segments that are `.` or `..`, and backslashes (WHATWG URL
 * Standard, "path state"). Letters, digits, `-`, `.`, `_` and `~` mean the same when they are encoded
 * (RFC 3986 section 2.3): many applications decode them, and the router compares them as they are sent.
 */
const CHANGED_PATH = /\\|(?:^|\/)\.{1,2}(?:\/|$)|%(?:2[de]|3\d|[46][1-9a-f]|[57][\da]|5f|7e)/i;

/** A URL parser removes the character, or takes it for the end. */
const REFUSED = 1;
/** The expression decides what becomes of a path with the character. */
const DOUBTFUL = 2;
/** A URL parser encodes the character in a path or a query, like all characters that are not ASCII. */
const ENCODED = 4;
const KINDS = new Uint8Array(128);
KINDS.fill(REFUSED, 0, 0x21);
for (const [kind, characters] of [
  [REFUSED, '#\x7f'],
  [DOUBTFUL, '%.\\'],
  [ENCODED, '"\'<>^`{|}'],
] as const)
  for (const character of characters) KINDS[character.charCodeAt(0)] = kind;

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
    const kinds = checkTarget(path, query);
    const rest = path.slice(this.#stripped);
    // Behind a prefix the rest is empty, or begins with a slash.
    const target = this.#originOf(request) + (rest === '' ? '/' : rest);
    const url = query === '' ? target : `${target}?${query}`;
    return (kinds & ENCODED) === 0 ? url : new URL(url).href;
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

/**
 * Checks that an application that parses or decodes a path finds the one that the router has matched.
 * @returns the kinds of all characters together
 * @throws HttpError MALFORMED_REQUEST
 */
export function checkTarget(path: string, query: string): number {
  const ofPath = kindsIn(path);
  const kinds = ofPath | kindsIn(query);
  if ((kinds & REFUSED) !== 0 || ((ofPath & DOUBTFUL) !== 0 && CHANGED_PATH.test(path)))
    throw malformed(
      'The path has "." or ".." as a segment or letters, digits, "-", ".", "_" or "~" encoded, or the URL has a character that must be encoded.',
    );
  return kinds;
}

/** The kinds of all characters together. */
function kindsIn(text: string): number {
  let kinds = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    kinds |= code < 128 ? KINDS[code]! : ENCODED;
  }
  return kinds;
}

const malformed = (detail: string): HttpError => new HttpError('MALFORMED_REQUEST', detail);
