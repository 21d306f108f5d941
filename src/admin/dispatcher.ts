// The path of an admin request: its form and origin are checked, its route is found, its token is checked,
// its body is read, its handler runs, and the response is written. All failures on this path become problem
// documents here.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { HttpError, UnavailableError } from '../errors.js';
import { parseTraceparent } from '../telemetry/propagation.js';
import { requestIdOf } from '../telemetry/request-ids.js';
import { TraceIds } from '../telemetry/trace-ids.js';
import type { AdminRequest, AdminRoute } from './admin-route.js';
import type { AdminRouter, RouteMatch } from './admin-router.js';
import type { ClientInput } from './client-input.js';
import { OperatorAudit } from './operator-audit.js';
import { readJsonBody } from './request-body.js';
import {
  authorize,
  checkForm,
  checkQuery,
  checkSite,
  fieldOf,
  type OwnNames,
  type TokenChecks,
} from './request-checks.js';
import { ResponseWriter, type ResponseWriterOptions } from './response-writer.js';
import { Turns } from './turns.js';

export interface DispatcherOptions extends ResponseWriterOptions, OwnNames, TokenChecks {
  readonly router: AdminRouter;
  readonly log: Logger;
}

interface AdmittedRequest {
  readonly route: AdminRoute;
  readonly adminRequest: AdminRequest;
}

/**
 * The number of requests that may begin in one turn of the loop. Four of them take less than half a
 * millisecond, unless a handler needs more.
 */
const REQUESTS_A_TURN = 4;

/**
 * The header fields of every response: pages of other origins may not use the response, browsers may not
 * guess its type, and nothing may store it.
 */
const COMMON_FIELDS: Readonly<Record<string, string>> = {
  'content-security-policy': "default-src 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #writer: ResponseWriter;
  readonly #ids = new TraceIds();
  readonly #turns = new Turns(REQUESTS_A_TURN);
  readonly #audit: OperatorAudit;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#audit = new OperatorAudit(options.log);
    this.#writer = new ResponseWriter(options);
  }

  /** Never rejects, and leaves no request without a response. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = requestIdOf(fieldOf(request, 'x-request-id'));
    response.setHeader('x-request-id', requestId);
    for (const [name, value] of Object.entries(COMMON_FIELDS)) response.setHeader(name, value);
    const { connections } = this.#options;
    const { socket } = request;
    const input = this.#inputOf(request);
    input.begin(request);
    response.once('close', () => input.next());
    // The member `executed` of a problem document: false until the handler is called, then true, or undefined
    // for a probe.
    let executed: boolean | undefined = false;
    connections.move(socket, 'turn');
    await this.#turns.enter(response);
    // There is nothing to respond to when the client has left meanwhile, or when the request took too long
    // and was refused.
    if (response.destroyed || socket.writableEnded) return;
    connections.move(socket, 'handler');
    try {
      const { route, adminRequest } = await this.#admit(request, response, requestId);
      executed = route.isProbe === true ? undefined : true;
      this.#writer.write(request, response, await this.#audit.run(route, adminRequest));
    } catch (error) {
      if (!(error instanceof HttpError)) this.#logFailure(request, requestId, error);
      const traceId = parseTraceparent(fieldOf(request, 'traceparent'))?.traceId ?? this.#ids.traceId();
      this.#writer.writeProblem(request, response, { requestId, traceId, executed }, error);
    }
  }

  /** From now on every response closes its connection; event streams end. */
  drain(): void {
    this.#writer.drain();
  }

  /** Runs everything that comes before the handler. */
  async #admit(
    request: IncomingMessage,
    response: ServerResponse,
    requestId: string,
  ): Promise<AdmittedRequest> {
    checkForm(request);
    checkSite(request, this.#options);
    const [path, query] = splitOnce(request.url ?? '', '?');
    const match = matchPath(this.#options.router, request.method ?? '', path);
    const grants = authorize(request, match, this.#options);
    const { route, params } = requireRoute(match);
    if (this.#writer.isDraining && route.access !== 'open') {
      throw new UnavailableError('DRAINING', 'The admin plane is closing.');
    }
    const parameters = new URLSearchParams(query);
    checkQuery(parameters, route);
    this.#refuseWhenBusy(route);
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const body = await this.#bodyOf(request, response);
    // This is checked again, because a request does not count as running while its body arrives, and many
    // other requests may have begun meanwhile.
    this.#refuseWhenBusy(route);
    const adminRequest: AdminRequest = {
      method: request.method ?? '',
      path,
      params,
      query: parameters,
      header: (name) => fieldOf(request, name),
      body,
      requestId,
      remoteAddress: request.socket.remoteAddress ?? '',
      grants,
      signal: gone.signal,
    };
    return { route, adminRequest };
  }

  /** @throws UnavailableError OVERLOADED while too many handlers run, except for open routes */
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

  #logFailure({ method }: IncomingMessage, requestId: string, error: unknown): void {
    this.#options.log.error({ err: error, method, request_id: requestId }, 'admin request failed');
  }
}

/** @throws HttpError MALFORMED_REQUEST for a path that is not valid percent-encoding */
function matchPath(router: AdminRouter, method: string, path: string): RouteMatch {
  try {
    return router.match(method, path);
  } catch (error) {
    throw new HttpError('MALFORMED_REQUEST', 'The path holds a broken escape.', { cause: error });
  }
}

/** @throws HttpError ROUTE_NOT_FOUND, METHOD_NOT_ALLOWED */
function requireRoute(match: RouteMatch): Extract<RouteMatch, { kind: 'found' }> {
  if (match.kind === 'found') return match;
  if (match.kind === 'unknown') throw new HttpError('ROUTE_NOT_FOUND', 'There is nothing at this path.');
  throw new HttpError('METHOD_NOT_ALLOWED', `This path allows ${match.allow}.`, {
    headers: { allow: match.allow },
  });
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
