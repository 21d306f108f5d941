// The checks of an admin request that need no body: its form, where it comes from, and its token.
import type { IncomingMessage } from 'node:http';
import { HttpError, ValidationError } from '../errors.js';
import { pointerTo } from '../problem.js';
import type { AdminRoute } from './admin-route.js';
import type { RouteMatch } from './admin-router.js';
import type { Credentials, Grants } from './credentials.js';
import type { FailedTokens } from './failed-tokens.js';
import { foreignSite } from './site-check.js';

/** @returns a header field by its lower-case name; several fields of one name are joined by `, ` */
export function fieldOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/**
 * Refuses a request without exactly one Host field and a path as its target, since it is not clear which
 * server or resource is meant. It also refuses expectations other than `100-continue`.
 * @throws HttpError MALFORMED_REQUEST
 */
export function checkForm(request: IncomingMessage): void {
  const hosts = request.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host');
  if (hosts.length !== 1) throw new HttpError('MALFORMED_REQUEST', 'The request must have one Host field.');
  if (!request.url?.startsWith('/')) throw new HttpError('MALFORMED_REQUEST', 'The target must be a path.');
  const { expect = '100-continue' } = request.headers;
  if (expect.toLowerCase() !== '100-continue') {
    throw new HttpError('MALFORMED_REQUEST', 'The only expectation that is met here is 100-continue.');
  }
}

export interface OwnNames {
  /** The address that the server is bound to. */
  readonly host: string;
  /** ADMIN_ALLOWED_HOSTS */
  readonly allowedHosts: readonly string[];
}

/**
 * @throws HttpError CROSS_SITE for a Host that is not a name of this server, and for a request that a page of
 *   another origin has made
 */
export function checkSite(request: IncomingMessage, { host, allowedHosts }: OwnNames): void {
  const { headers, socket } = request;
  const reason = foreignSite(
    {
      host: headers.host ?? '',
      origin: headers.origin,
      fetchSite: fieldOf(request, 'sec-fetch-site'),
      opensPage: request.url === '/' && fieldOf(request, 'sec-fetch-dest') === 'document',
      localAddress: socket.localAddress,
    },
    host,
    allowedHosts,
  );
  if (reason !== undefined) throw new HttpError('CROSS_SITE', reason);
}

/** @throws ValidationError for a query parameter that the route does not have */
export function checkQuery(given: URLSearchParams, { query = [], access }: AdminRoute): void {
  if (query === 'any' || access === 'open') return;
  for (const name of given.keys()) {
    if (query.includes(name)) continue;
    const those = query.length === 0 ? 'the path has none' : `the path has ${query.join(', ')}`;
    throw new ValidationError([{ path: pointerTo(name), message: `is no query parameter here: ${those}` }]);
  }
}

/** The next step of a client without the right token. The redaction would mask an example of the field. */
const SEND_TOKEN =
  'Send the value of ADMIN_TOKEN in the header field "authorization", after the word "Bearer".';

export interface TokenChecks {
  readonly credentials: Credentials;
  readonly failedTokens: FailedTokens;
}

/**
 * @returns the grants of the request's token; no grants on an open route
 * @throws HttpError UNAUTHORIZED, and RATE_LIMITED for a wrong token after too many of them from its address
 */
export function authorize(
  request: IncomingMessage,
  match: RouteMatch,
  { credentials, failedTokens }: TokenChecks,
): Grants {
  const access = match.kind === 'found' ? match.route.access : undefined;
  if (access === 'open' || (match.kind === 'wrong-method' && match.isOpen)) return [];
  const identified = credentials.identify(request.headers.authorization);
  if (identified === 'missing')
    throw unauthorized(`This path needs a token. ${SEND_TOKEN}`, 'realm="multilane"');
  if (identified === 'wrong') {
    const wait = failedTokens.failed(request.socket.remoteAddress ?? '');
    if (wait === 0)
      throw unauthorized(
        `The token is not valid here. ${SEND_TOKEN}`,
        'realm="multilane", error="invalid_token"',
      );
    throw new HttpError(
      'RATE_LIMITED',
      'Too many wrong tokens from this address: wait for the seconds in Retry-After, and send the value of ADMIN_TOKEN.',
      {
        headers: { 'retry-after': String(wait) },
      },
    );
  }
  if (identified.grants !== 'all' && access !== 'delegate') {
    throw unauthorized(
      `The token does not open this path. ${SEND_TOKEN}`,
      'realm="multilane", error="insufficient_scope"',
    );
  }
  return identified.grants;
}

const unauthorized = (detail: string, challenge: string): HttpError =>
  new HttpError('UNAUTHORIZED', detail, { headers: { 'www-authenticate': `Bearer ${challenge}` } });
