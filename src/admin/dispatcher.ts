// The path of one admin request: site check, route, token, body, handler, answer. Everything that can go
// wrong on it ends as a problem document in one place.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { HttpError, UnavailableError } from '../errors.js';
import { type FailedRequest, problemOf } from '../problem.js';
import { parseTraceparent } from '../telemetry/propagation.js';
import { requestIdOf } from '../telemetry/request-ids.js';
import { TraceIds } from '../telemetry/trace-ids.js';
import type { AdminConnections } from './admin-connections.js';
import type { AdminRequest, AdminResponse, AdminRoute } from './admin-route.js';
import type { AdminRouter, RouteMatch } from './admin-router.js';
import type { ClientInput } from './client-input.js';
import type { Credentials, Grants } from './credentials.js';
import { EventStream } from './event-stream.js';
import type { FailedTokens } from './failed-tokens.js';
import { readJsonBody } from './request-body.js';
import { sendBody } from './send-body.js';
import { foreignSite } from './site-check.js';
import { Turns } from './turns.js';

export interface DispatchOptions {
  /** Address the server is bound to. */
  readonly host: string;
  readonly allowedHosts: readonly string[];
  readonly router: AdminRouter;
  readonly credentials: Credentials;
  readonly failedTokens: FailedTokens;
  readonly connections: AdminConnections;
  readonly inputs: WeakMap<Duplex, ClientInput>;
  /** Milliseconds for which a client may read no byte of a response that is complete. */
  readonly sendMs: number;
  readonly log: Logger;
}

interface Admitted {
  readonly route: AdminRoute;
  readonly adminRequest: AdminRequest;
}

/** A request takes less than a tenth of a millisecond, unless its handler has more to do. */
const REQUESTS_A_TURN = 4;

/** Bytes of a response that counts against what clients may leave unread. */
const LARGE = 64 * 1024;

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
  readonly #turns = new Turns(REQUESTS_A_TURN);
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
    const { connections } = this.#options;
    const { socket } = request;
    const input = this.#inputOf(request);
    input.begin(request);
    response.once('close', () => input.next());
    let executed: boolean | undefined = false;
    connections.move(socket, 'turn');
    await this.#turns.enter(response);
    // The client has left, or was refused meanwhile.
    if (response.destroyed || socket.writableEnded) return;
    connections.move(socket, 'handler');
    try {
      const { route, adminRequest } = await this.#admit(request, response, requestId);
      executed = route.isProbe === true ? undefined : true;
      this.#write(request, response, await route.handler(adminRequest));
    } catch (error) {
      const body = this.#problem(request, response, { requestId, executed }, error);
      if (body !== undefined) this.#end(request, response, body);
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
    this.#refuseWhenBusy(match.route);
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const body = await this.#bodyOf(request, response);
    // A request does not count as running while its body arrives, and others may have begun meanwhile.
    this.#refuseWhenBusy(match.route);
    const adminRequest: AdminRequest = {
      method: request.method ?? '',
      path,
      params: match.params,
      query: new URLSearchParams(query),
      header: (name) => header(request, name),
      body,
      requestId,
      remoteAddress: request.socket.remoteAddress ?? '',
      grants,
      signal: gone.signal,
    };
    return { route: match.route, adminRequest };
  }

  #refuseWhenBusy({ access }: AdminRoute): void {
    if (access === 'open' || !this.#options.connections.isBusy) return;
    throw new UnavailableError('OVERLOADED', 'Too many requests to the admin plane are under way.');
  }

  async #bodyOf(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const { connections } = this.#options;
    const input = this.#inputOf(request);
    if (request.method === 'GET' || request.method === 'HEAD') {
      input.respond();
      return undefined;
    }
    connections.move(request.socket, 'client');
    const body = await readJsonBody(request, () => {
      if (request.headers.expect !== undefined && request.httpVersion === '1.1') response.writeContinue();
      input.readBody();
    });
    connections.move(request.socket, 'handler');
    return body;
  }

  #inputOf({ socket }: IncomingMessage): ClientInput {
    return this.#options.inputs.get(socket)!;
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

  #write(request: IncomingMessage, response: ServerResponse, reply: AdminResponse): void {
    const { status, json, text, bytes, headers = {}, stream } = reply;
    if (stream !== undefined && !this.#options.connections.hasRoomForStream) {
      throw new UnavailableError('OVERLOADED', 'Too many event streams are open.');
    }
    const body = bytes ?? encoded(json === undefined ? text : JSON.stringify(json));
    if (body !== undefined) this.#hold(request, response, body);
    this.#begin(request, response, headers);
    if (stream !== undefined) {
      response.setHeader('content-type', 'text/event-stream; charset=utf-8');
      response.writeHead(status);
      if (request.method === 'HEAD') this.#end(request, response);
      else this.#stream(request, response, stream);
      return;
    }
    if (body === undefined) {
      if (status !== 204 && status !== 304) response.setHeader('content-length', 0);
      response.writeHead(status);
      this.#end(request, response);
      return;
    }
    if (!response.hasHeader('content-type')) {
      const type = json === undefined ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8';
      response.setHeader('content-type', type);
    }
    response.setHeader('content-length', body.length);
    response.writeHead(status);
    this.#end(request, response, body);
  }

  /** @throws UnavailableError when clients that do not read leave no room for the response */
  #hold({ method, socket }: IncomingMessage, response: ServerResponse, body: Buffer): void {
    const { connections } = this.#options;
    if (body.length <= LARGE || method === 'HEAD' || response.destroyed) return;
    if (!connections.hold(socket, body)) {
      throw new UnavailableError('OVERLOADED', 'The response is larger than what clients may leave unread.');
    }
    response.once('close', () => connections.release(socket, body));
  }

  /** From here on it is the client's turn: it may take its time as long as it reads. */
  #end({ method, socket }: IncomingMessage, response: ServerResponse, body?: Buffer): void {
    const { connections, sendMs } = this.#options;
    connections.move(socket, 'client');
    response.setTimeout(sendMs);
    if (body === undefined || method === 'HEAD') response.end();
    else sendBody(response, body);
  }

  #stream(
    { socket }: IncomingMessage,
    response: ServerResponse,
    start: NonNullable<AdminResponse['stream']>,
  ): void {
    // The client may have left while the handler was thinking: then there is no 'close' to come any more.
    if (response.destroyed) return;
    this.#options.connections.move(socket, 'stream');
    const stream = new EventStream(response, start);
    this.#streams.add(stream);
    response.once('close', () => {
      this.#streams.delete(stream);
      this.#options.connections.move(socket, 'client');
    });
    if (this.#closing) stream.close();
  }

  /**
   * Logs what is unexpected, and writes the head of the problem document.
   * @returns its body; undefined when a response has begun already, which is cut then
   */
  #problem(
    request: IncomingMessage,
    response: ServerResponse,
    { requestId, executed }: Omit<FailedRequest, 'traceId'>,
    error: unknown,
  ): Buffer | undefined {
    const { log } = this.#options;
    if (!(error instanceof HttpError)) {
      log.error({ err: error, method: request.method, request_id: requestId }, 'admin request failed');
    }
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return undefined;
    }
    const traceId = parseTraceparent(header(request, 'traceparent'))?.traceId ?? this.#ids.traceId();
    const { status, headers, body: text } = problemOf(error, { requestId, traceId, executed });
    const body = Buffer.from(text);
    this.#begin(request, response, headers);
    response.setHeader('content-length', body.length);
    response.writeHead(status);
    return body;
  }

  /** Nothing more of the request is read. */
  #begin(
    request: IncomingMessage,
    response: ServerResponse,
    headers: Readonly<Record<string, string>>,
  ): void {
    const input = this.#inputOf(request);
    input.respond();
    const isLast = this.#closing || this.#options.connections.isCrowded || input.isUnread;
    if (isLast) response.setHeader('connection', 'close');
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  }
}

const encoded = (text: string | undefined): Buffer | undefined =>
  text === undefined ? undefined : Buffer.from(text);

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/**
 * One Host, and a target that is a path: with anything else it is not clear whom the request is for or what
 * it wants.
 */
function checkForm(request: IncomingMessage): void {
  const hosts = request.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host');
  if (hosts.length !== 1) throw new HttpError('MALFORMED_REQUEST', 'The request must have one Host field.');
  if (!request.url?.startsWith('/')) throw new HttpError('MALFORMED_REQUEST', 'The target must be a path.');
  const { expect = '100-continue' } = request.headers;
  if (expect.toLowerCase() !== '100-continue') {
    throw new HttpError('MALFORMED_REQUEST', 'The only expectation that is met here is 100-continue.');
  }
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
