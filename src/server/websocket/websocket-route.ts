// A WebSocket route: a GET route whose handler answers the handshake, and the callbacks of the sockets that
// it opened. An error that a callback throws ends here.

// The global `performance` is a getter, which costs more per read than this import.
import { performance } from 'node:perf_hooks';
import type { Logger } from 'pino';
import { errorTypeOf } from '../../error-type.js';
import { UnavailableError } from '../../errors.js';
import { runInScope, type TraceContext } from '../../scope.js';
import type { SpanHandle, Tracing } from '../../telemetry/span.js';
import { NO_PARENT, socketMessageSpan } from '../../telemetry/spans.js';
import { toError } from '../../telemetry/to-error.js';
import { type Handler, SENT, type WebSocketOptions } from '../handler.js';
import { adopted, isPromise } from '../promise.js';
import type { RequestContext } from '../request-context.js';
import type { RouteMeter } from '../request-observer.js';
import type { Pattern } from '../routing/pattern.js';
import type { Step } from '../routing/route-plan.js';
import { checkHandshake, chooseProtocol, upgradeRequired } from './handshake.js';
import { MessageScope } from './message-scope.js';
import type { Topics } from './topics.js';
import type { ResolvedLimits, ServerWebSocket, SocketRoute, WebSocketEvents } from './websocket.js';
import { resolveLimits } from './websocket-checks.js';

/** The close code for a failed callback (RFC 6455 section 7.4.1). */
export const INTERNAL_ERROR = 1011;

/** Topics are separate for each service. */
export const topicOf = (service: string, topic: string): string => `${service}/${topic}`;

/** The callback that runs now. It is read when the event loop is found stalled. */
export interface RunningCallback {
  /** The template of the route. */
  route: string | undefined;
  /** The time at which it began, on the clock of `performance.now()`. */
  since: number;
}

export interface WebSocketRouteDeps {
  readonly service: string;
  readonly path: string;
  readonly pattern: Pattern;
  readonly topics: Topics;
  readonly running: RunningCallback;
  readonly tracing: Tracing;
  readonly log: Logger;
}

export class WebSocketRoute implements SocketRoute {
  readonly path: string;
  readonly pattern: Pattern;
  readonly limits: ResolvedLimits;
  readonly topics: Topics;
  /** Counts the callbacks as code of the route. It is set when the route is planned. */
  meter: RouteMeter | undefined;
  readonly #service: string;
  readonly #running: RunningCallback;
  readonly #tracing: Tracing;
  readonly #log: Logger;
  readonly #options: WebSocketOptions<unknown>;

  /** @throws TypeError for a bad option */
  constructor(
    options: WebSocketOptions<never>,
    { service, path, pattern, topics, running, tracing, log }: WebSocketRouteDeps,
  ) {
    this.path = path;
    this.pattern = pattern;
    this.topics = topics;
    this.limits = resolveLimits(options);
    this.#service = service;
    this.#running = running;
    this.#tracing = tracing;
    this.#log = log;
    this.#options = options as WebSocketOptions<unknown>;
  }

  /** Runs before any hook, so that a page of another web site runs no code of the service. */
  readonly check: Step = (ctx) => checkHandshake(ctx, this.limits);

  /**
   * Refuses the handshake in a draining worker, which would close the socket at once. Runs after all hooks.
   */
  readonly admission: Step = (ctx) => refuseWhileDraining(ctx as unknown as RequestContext);

  readonly handler: Handler = (context) => {
    const ctx = context as unknown as RequestContext;
    const data = this.#options.upgrade?.(context);
    if (!isPromise(data)) return this.#accept(ctx, data);
    return adopted(data).then((value) => {
      if (!ctx.hasResponse) refuseWhileDraining(ctx);
      return this.#accept(ctx, value);
    });
  };

  topic(name: string): string {
    return topicOf(this.#service, name);
  }

  received(
    ws: ServerWebSocket,
    message: string | Uint8Array,
    isBinary: boolean,
    openedBy: TraceContext,
  ): void {
    const call = (callback: NonNullable<WebSocketEvents<unknown>['message']>): void | Promise<void> =>
      callback(ws, message, isBinary);
    if (!this.#tracing.samples(NO_PARENT)) {
      this.run('message', ws, call);
      return;
    }
    const { requestId } = ws;
    const service = this.#service;
    const { template } = this.pattern;
    const bytes = Buffer.byteLength(message);
    const about = { template, service, bytes, isBinary, requestId, openedBy };
    const span = socketMessageSpan(this.#tracing, about);
    const scope = new MessageScope(requestId, service, span.context);
    runInScope(scope, () => this.run('message', ws, call, span));
  }

  run<K extends keyof WebSocketEvents<unknown>>(
    event: K,
    ws: ServerWebSocket,
    call: (callback: NonNullable<WebSocketEvents<unknown>[K]>) => void | Promise<void>,
    span?: SpanHandle,
  ): void {
    const callback = this.#options[event];
    if (callback === undefined) return;
    const running = this.#running;
    const { route: outer, since } = running;
    running.route = this.pattern.template;
    running.since = performance.now();
    const before = this.meter?.enter(running.since);
    try {
      const result = call(callback as NonNullable<WebSocketEvents<unknown>[K]>);
      if (isPromise(result))
        adopted(result).then(
          () => span?.end(),
          (error: unknown) => this.#failed(event, ws, error, span),
        );
      else span?.end();
    } catch (error) {
      this.#failed(event, ws, error, span);
    }
    if (before !== undefined) this.meter?.leave(before);
    running.route = outer;
    running.since = since;
  }

  #accept(ctx: RequestContext, data: unknown): typeof SENT {
    if (ctx.hasResponse) return SENT;
    const protocol = chooseProtocol(ctx.headers, this.limits.protocols);
    if (!ctx.upgrade(this, protocol, data))
      throw upgradeRequired('A WebSocket needs a connection of its own.');
    return SENT;
  }

  #failed(event: string, ws: ServerWebSocket, error: unknown, span: SpanHandle | undefined): void {
    span?.end(errorTypeOf(error));
    const { requestId } = ws;
    this.#log.error(
      { err: toError(error), route: this.path, event, requestId },
      'a WebSocket callback failed',
    );
    ws.close(INTERNAL_ERROR);
  }
}

/** @throws UnavailableError DRAINING */
export function refuseWhileDraining({ server }: RequestContext): void {
  if (server.draining())
    throw new UnavailableError('DRAINING', 'This worker is draining and accepts no new WebSocket.');
}
