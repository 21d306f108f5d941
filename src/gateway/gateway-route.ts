// One service behind the gateway: a request becomes a streamed call of the service, and the response of the
// call becomes that of the request.
import type { GatewayPolicy } from '../config.js';
import { HttpError, isGatewayFailure } from '../errors.js';
import type { App } from '../server/app.js';
import { SENT, type Sent } from '../server/handler.js';
import type { RelayRoute } from '../server/relay-routes.js';
import type { RequestContext } from '../server/request-context.js';
import { NO_FIELDS } from '../upstream/call-request.js';
import { isEventStream } from '../upstream/event-responses.js';
import type { HttpStream } from '../upstream/http-stream.js';
import { OngoingCall } from '../upstream/ongoing-call.js';
import {
  callStream,
  type Relayed,
  type StreamCall,
  type StreamCallDependencies,
  type StreamCallOptions,
  type StreamCallRequest,
  type StreamedResponse,
} from '../upstream/stream-call.js';
import { ClientBody } from './client-body.js';
import { InstanceShares, RequestConnection } from './instance-shares.js';
import { LocalRelay } from './local-relay.js';
import { PassedBody } from './passed-body.js';
import { PassedEvents, takesComments } from './passed-events.js';
import { checkUtf8, gatewaysPassed, isPassedOn, requestFields, responseFields } from './passed-fields.js';
import { servicePath } from './service-path.js';
import { bridgeEvents, openBridge } from './socket-bridge.js';

export interface GatewayDeps {
  readonly app: App;
  readonly calls: StreamCallDependencies;
  /** The number of those connections that these have to one endpoint. */
  readonly connections: number;
  /** Whether the service is mounted in this process. */
  readonly isMounted: (service: string) => boolean;
  /** Called when a client is refused that holds too many connections to an instance. */
  readonly onRefused: () => void;
  /** Milliseconds for which an instance may send nothing of a body that it has begun. */
  readonly silentMs: number;
}

/** The bound of a body that has none. */
const UNLIMITED = Number.MAX_SAFE_INTEGER;
const MESSAGE_BYTES = 1024 * 1024;
const IDEMPOTENCY_KEY = 'idempotency-key';

/** The routes of the gateway for one service. */
export function gatewayRoute(service: string, policy: GatewayPolicy, deps: GatewayDeps): RelayRoute {
  const { timeoutMs, rateLimit, bodyLimit = UNLIMITED } = policy;
  const route = new GatewayRoute(service, policy, deps);
  return {
    service,
    options: {
      bodyLimit,
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(rateLimit !== undefined && { rateLimit }),
    },
    handler: (ctx) => route.serve(ctx as unknown as RequestContext),
    sockets: bridgeEvents(route.maxMessageBytes),
  };
}

class GatewayRoute {
  readonly #service: string;
  readonly #policy: GatewayPolicy;
  readonly #deps: GatewayDeps;
  readonly #isMounted: boolean;
  readonly #shares: InstanceShares;
  readonly maxMessageBytes: number;

  constructor(service: string, policy: GatewayPolicy, deps: GatewayDeps) {
    this.#service = service;
    this.#policy = policy;
    this.#deps = deps;
    this.#isMounted = deps.isMounted(service);
    this.#shares = new InstanceShares(deps.connections, deps.onRefused);
    this.maxMessageBytes = policy.maxMessageBytes ?? MESSAGE_BYTES;
  }

  /**
   * @throws HttpError MALFORMED_REQUEST for what cannot be passed on, BAD_UPSTREAM for a request that goes in
   *   a circle
   */
  serve(ctx: RequestContext): Promise<Sent> {
    const { headers } = ctx.exchange.head;
    checkUtf8(headers);
    const isNested = gatewaysPassed(headers) > 0;
    const request = requestOf(ctx, this.#service, this.#deps.calls.clock);
    const call: StreamCall = new OngoingCall(this.#service, request, limitsOf(ctx), ctx, ctx);
    const options = this.#optionsFor(ctx, request.path, isNested);
    const fail = (error: unknown): never => {
      throw failed(ctx, call, error);
    };
    if (ctx.exchange.accept === undefined)
      return this.#call(call, options).then((result) => this.#respond(ctx, result), fail);
    return openBridge(this.#deps.calls, call, options, ctx, this.maxMessageBytes).catch(fail);
  }

  #call(call: StreamCall, options: StreamCallOptions): Promise<StreamedResponse | Relayed> {
    const { calls } = this.#deps;
    const { content } = call.request;
    // An instance of this process reads the body by itself; where it may be chosen, the call begins the body.
    // Elsewhere a client that sends none would hold the probe of a breaker, so the instance is chosen when
    // the body has begun.
    if (content === undefined || this.#isMounted) return callStream(calls, call, options);
    return content.begin().then(() => callStream(calls, call, options));
  }

  #optionsFor(ctx: RequestContext, path: string, isNested: boolean): StreamCallOptions {
    // The gateway before repeats the call: repetitions of both would multiply.
    const retries = isNested ? 0 : this.#policy.retries;
    const claim = new RequestConnection(this.#shares, ctx);
    const options = { retries, claim, awaitsBody: true };
    if (!this.#isMounted) return options;
    const { app } = this.#deps;
    return {
      ...options,
      relay: ({ service }, trace) => LocalRelay.start(app, ctx, service, path, trace),
    };
  }

  #respond(ctx: RequestContext, result: StreamedResponse | Relayed): Sent {
    if ('received' in result) {
      result.commit?.();
      return SENT;
    }
    const { stream, body } = result;
    const { status } = stream;
    const { response, method } = ctx;
    if (isGatewayFailure(status)) ctx.callFailed();
    response.fields.passOn(responseFields(stream.fields));
    const bytes = body ?? (stream.isComplete ? stream.take() : undefined);
    if (method !== 'HEAD' && bytes !== undefined) return response.reply(status, undefined, bytes);
    // While more of the request arrives, its response may only have an unknown length: the core would drop
    // the rest of the request otherwise.
    const length = ctx.exchange.isBodyComplete ? stream.length : undefined;
    const isEvents = length === undefined && takesComments(stream.fields);
    const source = isEvents ? new PassedEvents(stream) : this.#bodyOf(stream);
    const sent: Sent = response.replyStream(status, undefined, source, length, true);
    // Clients of events reconnect, so a drain may end their streams.
    if (isEvents) response.markEndless();
    return sent;
  }

  #bodyOf(stream: HttpStream): AsyncIterable<Uint8Array> {
    return isEventStream(stream.fields) ? stream : new PassedBody(stream, this.#service, this.#deps.silentMs);
  }
}

function requestOf(ctx: RequestContext, service: string, clock: () => number): StreamCallRequest {
  const { method, query, headers } = ctx.exchange.head;
  const hasBody = ctx.contentLength > 0 || ctx.isChunked;
  const host = ctx.headers.get('host');
  return {
    method,
    path: servicePath(ctx.path, query, ctx.params['*']!),
    headers: NO_FIELDS,
    body: undefined,
    isIdempotent: ctx.headers.has(IDEMPOTENCY_KEY) && isPassedOn(headers, IDEMPOTENCY_KEY),
    fields: () => requestFields(ctx.request, service),
    ...(host !== undefined && { host }),
    content: hasBody ? new ClientBody(ctx, clock) : undefined,
  };
}

const limitsOf = ({ deadline, abortSource: abort }: RequestContext) => ({ deadline, abort });

/** Reports a call without a response to the request. @returns what the client gets as a problem document */
function failed(ctx: RequestContext, call: StreamCall, error: unknown): unknown {
  if (!(error instanceof HttpError) || !isGatewayFailure(error.status)) return error;
  // Other gateways repeat a refusal, but not a failure that this one has repeated already.
  if (call.tried.size > 0) ctx.callFailed();
  if (call.hasNotRun && call.request.content?.isStarted !== true) ctx.nothingExecuted();
  return error;
}
