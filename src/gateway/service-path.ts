// The path of a request behind the gateway: what follows the prefix, as the client has written it. A service
// may decode it, and may sit behind another proxy, so a path that could lead out of the service is refused:
// dot segments in any spelling (RFC 3986 section 3.3), also behind an encoded slash or with parameters, and a
// second slash or a backslash at the beginning, encoded or not, which parsers of URLs take for a host.
// Encoded slashes elsewhere are passed on.
import { HttpError } from '../errors.js';
import { GATEWAY_PREFIX } from '../server/relay-routes.js';

/** Visible ASCII without `#`, which no request target has (RFC 9112 section 3.2.1). */
const TARGET = /^[\x21\x22\x24-\x7e]*$/;
/**
 * A segment `.` or `..` of a decoded path, with its parameters if it has any, or with what a parser would
 * take for a query or fragment.
 */
const DOT_SEGMENT = /(?:^|[/\\])\.{1,2}(?:[;?#][^/\\]*)?(?:[/\\]|$)/;
/** A decoded path without its first slash that parsers of URLs would take for a host and its path. */
const HOST = /^[/\\]/;
const CONTROL = /\p{Cc}/u;

/**
 * @param path as sent: `/svc/orders/api/orders/1` @param query as sent, without the `?`
 * @param rest what follows the prefix, decoded
 * @returns path and query for the service: `/api/orders/1?x=1`
 * @throws HttpError MALFORMED_REQUEST
 */
export function servicePath(path: string, query: string, rest: string): string {
  const own = path.slice(path.indexOf('/', GATEWAY_PREFIX.length));
  // Only what was encoded can be a control character now.
  const isEncoded = own.includes('%');
  if (!TARGET.test(own) || !TARGET.test(query) || (isEncoded && CONTROL.test(rest)))
    throw malformed('The URL has a character that cannot be passed on.');
  if (HOST.test(rest) || DOT_SEGMENT.test(rest))
    throw malformed('The path has a segment that could lead out of the service.');
  return query === '' ? own : `${own}?${query}`;
}

const malformed = (detail: string): HttpError => new HttpError('MALFORMED_REQUEST', detail);
