// The path of one admin request: site check, route, token, body, handler, answer. Everything that can go wrong
// on it ends as a problem document in one place.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { HttpError, UnavailableError } from '../../errors.js';
import { parseTraceparent } from '../propagation.js';
import { requestIdOf } from '../request-id.js';
import { TraceIds } from '../trace-ids.js';
import type { Credentials, Grants } from './credentials.js';
import { EventStream } from './event-stream.js';
import type { FailedTokens } from './failed-tokens.js';
import type { AdminReply, AdminRequest, AdminRoute } from './handler.js';
import { readJsonBody } from './json-body.js';
import { type FailedRequest, problemOf } from './problem.js';
import type { AdminRouter, RouteMatch } from './router.js';
import { foreignSite } from './site-check.js';

export interface DispatchOptions {
  /** Address the server is bound to. */
  readonly host: string;
  readonly allowedHosts: readonly string[];
  readonly router: AdminRouter;
  readonly credentials: Credentials;
  readonly failedTokens: FailedTokens;
  readonly log: Logger;
}

interface Admitted {
  readonly route: AdminRoute;
  readonly adminRequest: AdminRequest;
}

/** On every answer: nothing here is for another site, to be sniffed, or to be stored. */
const ALWAYS: Readonly<Record<string, string>> = {
  'content-security-policy': "default-src 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

export class Dispatcher {
  readonly #options: DispatchOptions;
  readonly #ids = new TraceIds();
  readonly #streams = new Set<EventStream>();
  #closing = false;

  constructor(options: DispatchOptions) {
    this.#options = options;
  }

  /** Never rejects and never leaves a request without an answer. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = requestIdOf(header(request, 'x-request-id'));
    response.setHeader('x-request-id', requestId);
    for (const [name, value] of Object.entries(ALWAYS)) response.setHeader(name, value);
    let executed: boolean | undefined = false;
    try {
      const { route, adminRequest } = await this.#admit(request, response, requestId);
      executed = route.isProbe === true ? undefined : true;
      this.#write(request, response, await route.handler(adminRequest));
    } catch (error) {
      this.#fail(request, response, { requestId, executed }, error);
    }
  }

  /** From now on every answer closes its connection; event streams end. */
  drain(): void {
    this.#closing = true;
    for (const stream of this.#streams) stream.close();
  }

  /** All that comes before the handler. */
  async #admit(request: IncomingMessage, response: ServerResponse, requestId: string): Promise<Admitted> {
    const { allowedHosts, host, router } = this.#options;
    checkForm(request);
    const foreign = foreignSite(
      {
        host: request.headers.host ?? '',
        origin: request.headers.origin,
        fetchSite: header(request, 'sec-fetch-site'),
        localAddress: request.socket.localAddress,
      },
      host,
      allowedHosts,
    );
    if (foreign !== undefined) throw new HttpError('CROSS_SITE', foreign);
    const [path, query] = splitOnce(request.url ?? '', '?');
    const match = matchPath(router, request.method ?? '', path);
    const grants = this.#authorize(request, match);
    if (match.kind === 'unknown') throw new HttpError('ROUTE_NOT_FOUND', 'There is nothing at this path.');
    if (match.kind === 'wrong-method') {
      throw new HttpError('METHOD_NOT_ALLOWED', `This path answers ${match.allow}.`, {
        headers: { allow: match.allow },
      });
    }
    if (this.#closing && match.route.access !== 'open') {
      throw new UnavailableError('DRAINING', 'The admin plane is closing.');
    }
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const adminRequest: AdminRequest = {
      method: request.method ?? '',
      path,
      params: match.params,
      query: new URLSearchParams(query),
      header: (name) => header(request, name),
      body: await readJsonBody(request),
      requestId,
      remoteAddress: request.socket.remoteAddress ?? '',
      grants,
      signal: gone.signal,
    };
    return { route: match.route, adminRequest };
  }

  #authorize(request: IncomingMessage, match: RouteMatch): Grants {
    const { credentials, failedTokens } = this.#options;
    const access = match.kind === 'found' ? match.route.access : undefined;
    if (access === 'open' || (match.kind === 'wrong-method' && match.open)) return [];
    const address = request.socket.remoteAddress ?? '';
    const { authorization } = request.headers;
    const wait = authorization === undefined ? 0 : failedTokens.waitSeconds(address);
    if (wait > 0) {
      throw new HttpError('RATE_LIMITED', 'Too many wrong tokens from this address.', {
        headers: { 'retry-after': String(wait) },
      });
    }
    const identified = credentials.identify(authorization);
    if (identified === 'missing') throw unauthorized('This path needs a bearer token.', 'realm="multilane"');
    if (identified === 'wrong') {
      failedTokens.failed(address);
      throw unauthorized('The token is not valid here.', 'realm="multilane", error="invalid_token"');
    }
    if (identified.grants !== 'all' && access !== 'delegate') {
      throw unauthorized(
        'The token does not open this path.',
        'realm="multilane", error="insufficient_scope"',
      );
    }
    return identified.grants;
  }

  #write(request: IncomingMessage, response: ServerResponse, reply: AdminReply): void {
    const { status, json, text, headers = {}, stream } = reply;
    if (this.#closing) response.setHeader('connection', 'close');
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (stream !== undefined) {
      response.setHeader('content-type', 'text/event-stream; charset=utf-8');
      response.writeHead(status);
      if (request.method === 'HEAD') response.end();
      else this.#stream(response, stream);
      return;
    }
    const body = json === undefined ? text : JSON.stringify(json);
    if (body === undefined) {
      if (status !== 204 && status !== 304) response.setHeader('content-length', 0);
      response.writeHead(status).end();
      return;
    }
    if (!response.hasHeader('content-type')) {
      const type = json === undefined ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8';
      response.setHeader('content-type', type);
    }
    response.setHeader('content-length', Buffer.byteLength(body));
    response.writeHead(status).end(body);
  }

  #stream(response: ServerResponse, start: NonNullable<AdminReply['stream']>): void {
    // The client may have left while the handler was thinking: then there is no 'close' to come any more.
    if (response.destroyed) return;
    const stream = new EventStream(response, start);
    this.#streams.add(stream);
    response.once('close', () => this.#streams.delete(stream));
    if (this.#closing) stream.close();
  }

  #fail(
    request: IncomingMessage,
    response: ServerResponse,
    { requestId, executed }: Omit<FailedRequest, 'traceId'>,
    error: unknown,
  ): void {
    const { log } = this.#options;
    if (!(error instanceof HttpError)) {
      log.error({ err: error, method: request.method, request_id: requestId }, 'admin request failed');
    }
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const traceId = parseTraceparent(header(request, 'traceparent'))?.traceId ?? this.#ids.traceId();
    const { status, headers, body } = problemOf(error, { requestId, traceId, executed });
    if (this.#closing) response.setHeader('connection', 'close');
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    response.setHeader('content-length', Buffer.byteLength(body));
    response.writeHead(status).end(body);
  }
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** One Host, and a target that is a path: with anything else it is not clear whom the request is for. */
function checkForm(request: IncomingMessage): void {
  const hosts = request.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host');
  if (hosts.length !== 1) throw new HttpError('MALFORMED_REQUEST', 'The request must have one Host field.');
  if (!request.url?.startsWith('/')) throw new HttpError('MALFORMED_REQUEST', 'The target must be a path.');
}

function matchPath(router: AdminRouter, method: string, path: string): RouteMatch {
  try {
    return router.match(method, path);
  } catch (error) {
    throw new HttpError('MALFORMED_REQUEST', 'The path holds a broken escape.', { cause: error });
  }
}

const unauthorized = (detail: string, challenge: string): HttpError =>
  new HttpError('UNAUTHORIZED', detail, { headers: { 'www-authenticate': `Bearer ${challenge}` } });

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
