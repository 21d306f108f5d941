// All mounted services of a worker: `handle(exchange)` finds the route of a request and serves it.

import { dirname } from 'node:path';
// Not the global of this name: that one is a getter, a tenth of a microsecond per request.
import { performance } from 'node:perf_hooks';
import type { Logger } from 'pino';
import { AddressRanges } from '../address-ranges.js';
import type { Settings } from '../config.js';
import { errorMessage } from '../error-text.js';
import { HttpError } from '../errors.js';
import type { AdmissionGate, Priority } from '../resilience/admission.js';
import { currentScope } from '../scope.js';
import { RequestIds } from '../telemetry/request-ids.js';
import type { Tracing } from '../telemetry/span.js';
import { toError } from '../telemetry/to-error.js';
import { bulkheadOf } from './bulkheads.js';
import type { Exchange } from './exchange.js';
import type { Application, RouteInfo } from './handler.js';
import { outermost } from './hook-chain.js';
import { KillSwitch, routeKey, type SwitchableRoute, type SwitchedOffPage } from './kill-switch.js';
import { type LiveRequest, LiveRequests } from './live-requests.js';
import { type MeshCaller, MeshCallers } from './mesh-callers.js';
import { serve } from './pipeline.js';
import { RequestContext } from './request-context.js';
import type { RequestGates, RequestObserver, RequestQuotas } from './request-observer.js';
import { collectRoutes } from './route-declarations.js';
import { checksOf, globalCheck, type RateCheck, type RateLimits } from './route-rate-limits.js';
import { parsePattern } from './routing/pattern.js';
import { planRoute } from './routing/plan-route.js';
import type { RoutePlan } from './routing/route-plan.js';
import { type Match, type Params, Router } from './routing/router.js';
import { Unmatched } from './routing/unmatched.js';
import type { ServerContext } from './server-context.js';
import { ServiceCode } from './service-code.js';
import { type Ticker, TimerWheel } from './timer-wheel.js';
import { TurnEnd } from './turn-end.js';
import { type TopicBus, Topics } from './websocket/topics.js';
import type { SocketRoute } from './websocket/websocket.js';
import { type RunningCallback, topicOf, WebSocketRoute } from './websocket/websocket-route.js';

export interface AppOptions {
  readonly settings: Pick<
    Settings,
    | 'maxBodyBytes'
    | 'chunkedBodies'
    | 'requestTimeoutMs'
    | 'meshToken'
    | 'trustedProxies'
    | 'trustedProxyField'
    | 'configFile'
    | 'rateLimit'
  >;
  readonly observer: RequestObserver;
  readonly gates: RequestGates;
  readonly quotas: RequestQuotas;
  readonly rateLimits: RateLimits;
  /** Routes that are switched off; default: none ever is. */
  readonly switchedOff?: SwitchedOffPage;
  readonly tracing: Tracing;
  readonly log: Logger;
  /** True from the first moment of a drain. */
  draining(): boolean;
  /** RECEIVE_TRACE_FLAGS: whether the sampled flag of this peer counts. Not asked for in-process calls. */
  trustsTraceFlags(peer: Pick<Exchange, 'remoteAddress'>): boolean;
  /** How clients reach this App; default `http`. */
  readonly scheme?: 'http' | 'https';
  /** To the other workers of the process; default: there are none. */
  readonly bus?: TopicBus;
  /** The clock behind deadlines; default the thread's. */
  readonly ticker?: Ticker;
}

export interface MountOptions {
  /**
   * False until the database of the service is migrated: its routes answer 503 STARTING. Asked until true.
   */
  readonly isReady?: () => boolean;
  /**
   * Outside MAX_IN_FLIGHT and RATE_LIMIT, and cannot be switched off: for what tells others how this worker
   * is.
   */
  readonly unlimited?: boolean;
}

const NO_PARAMS = Object.freeze(Object.create(null) as Params);

export function createApp(options: AppOptions): App {
  return new App(options);
}

export class App {
  readonly wheel: TimerWheel;
  readonly options: AppOptions;
  readonly topics: Topics;
  readonly serviceCode = new ServiceCode();
  readonly #server: ServerContext;
  readonly #router = new Router<RoutePlan>();
  readonly #routes: RouteInfo[] = [];
  readonly #switchable: SwitchableRoute[] = [];
  readonly #webSockets: SocketRoute[] = [];
  readonly #callback: RunningCallback = { route: undefined, since: 0 };
  readonly #unmatched: Unmatched;
  readonly #optionsGates = new Map<Priority, AdmissionGate>();
  /** Undefined without MESH_TOKEN. */
  readonly #meshCallers: MeshCallers | undefined;
  /** RATE_LIMIT, of which there is one for all routes. */
  readonly #commonRate: RateCheck | undefined;
  readonly #requests = new LiveRequests();

  constructor(options: AppOptions) {
    this.options = options;
    const { log, tracing, observer, scheme = 'http', settings } = options;
    const failed = (what: string) => (error: unknown) => log.error({ err: toError(error) }, what);
    this.wheel = new TimerWheel(failed('a timer failed'), options.ticker);
    this.topics = new Topics(options.bus);
    const { meshToken } = settings;
    this.#meshCallers =
      meshToken === undefined ? undefined : new MeshCallers(meshToken, options.rateLimits, log);
    this.#commonRate = globalCheck(settings.rateLimit, options.rateLimits);
    this.#unmatched = new Unmatched(observer, this.#commonRate);
    this.#server = {
      log,
      tracing,
      scheme,
      baseDir: settings.configFile === undefined ? process.cwd() : dirname(settings.configFile),
      proxies: new AddressRanges(settings.trustedProxies),
      proxyField: settings.trustedProxyField,
      wheel: this.wheel,
      serviceCode: this.serviceCode,
      turnEnd: new TurnEnd(failed('a callback at the end of a turn failed')),
      quotas: options.quotas,
      ids: new RequestIds(),
      requests: this.#requests,
      goingOn: new WeakSet(),
      refused: (reason) => observer.refused(reason),
      draining: () => options.draining(),
      trustsTraceFlags: (exchange) => options.trustsTraceFlags(exchange),
    };
  }

  /**
   * Requests that are being served, those of this worker to itself included. A drain waits for 0, so a
   * handler that goes on behind its response does not count.
   */
  get inFlight(): number {
    return this.#requests.unanswered;
  }

  /** Those that are being served now, newest first, and those whose handlers go on behind their responses. */
  living(): readonly LiveRequest[] {
    return this.#requests.all();
  }

  /** The request whose code is running. */
  running(): RequestContext | undefined {
    const scope = currentScope();
    return scope instanceof RequestContext ? scope : undefined;
  }

  /** The route of the WebSocket whose callback is running, and since when. */
  runningWebSocket(): Readonly<RunningCallback> | undefined {
    return this.#callback.route === undefined ? undefined : this.#callback;
  }

  /** That callback was broken off. */
  leaveWebSocket(): void {
    this.#callback.route = undefined;
  }

  /**
   * Ends requests in flight, all by default: one without an answer gets this error, a stream ends, signals
   * abort, permits are given back. Safe at any time. What a handler that goes on has taken itself, it gives
   * back itself.
   */
  abandon(error: HttpError, these: readonly LiveRequest[] = this.living()): void {
    this.#end(these, 'abandon', error);
  }

  /**
   * As `abandon`, for requests whose code was ended from outside: what their work holds is given back, too.
   */
  interrupt(error: HttpError, these: readonly LiveRequest[]): void {
    this.#end(these, 'interrupt', error);
  }

  #end(these: readonly LiveRequest[], how: 'abandon' | 'interrupt', error: HttpError): void {
    this.#requests.end(these, how, error, (cause) => {
      this.options.log.error({ err: toError(cause) }, 'a request could not be ended in order');
    });
  }

  /** In the order of declaration. */
  routes(): readonly RouteInfo[] {
    return this.#routes;
  }

  /** Those that can be switched off. */
  switchable(): readonly SwitchableRoute[] {
    return this.#switchable;
  }

  webSockets(): readonly SocketRoute[] {
    return this.#webSockets;
  }

  /** The WebSocket route that a GET of this path finds. */
  webSocketAt(path: string): SocketRoute | undefined {
    try {
      return this.#router.find('GET', path)?.value.webSocket;
    } catch {
      return undefined; // served as any request, it is refused for the same reason
    }
  }

  /**
   * Adds the routes of a service; call before serving.
   * @throws Error naming service and route for a bad pattern, option or schema and for a route declared twice
   */
  mount(service: string, fill: (app: Application) => void, mounting: MountOptions = {}): void {
    const { isReady, unlimited = false } = mounting;
    const ready = once(isReady);
    const { observer, settings, rateLimits, gates, switchedOff } = this.options;
    const common = unlimited ? undefined : this.#commonRate;
    const declared = this.#declared(service, fill);
    this.#meshCallers?.accept(service);
    this.#unmatched.addFields(outermost(declared[0]?.hooks)?.onRequest ?? []);
    for (const { method, path, options, target, hooks, declaration } of declared) {
      try {
        const pattern = parsePattern(path);
        const { template } = pattern;
        const webSocket = typeof target !== 'function';
        const info: RouteInfo = { service, method, path, template, webSocket, options };
        const { topics } = this;
        const { log } = this.options;
        const running = this.#callback;
        const answering = webSocket
          ? new WebSocketRoute(target, { service, path, pattern, topics, running, log })
          : target;
        const name = `${service} ${method} ${path}`;
        const rateChecks = checksOf(options.rateLimit, name, common, rateLimits);
        const { priority = 'normal' } = options;
        const gate = unlimited ? undefined : gates.gate(priority, name);
        const optionsGate = unlimited ? undefined : this.#optionsGate(priority);
        const bulkhead = bulkheadOf(options.maxConcurrent, name, gates);
        const killSwitch =
          unlimited || switchedOff === undefined
            ? undefined
            : new KillSwitch(switchedOff, routeKey(method, template));
        const mounted = { ready, killSwitch, gate, optionsGate, rateChecks, bulkhead };
        const plan = planRoute(info, answering, hooks, settings, mounted, (as) =>
          observer.meter(as, template),
        );
        this.#router.add(method, path, plan);
        this.#routes.push(info);
        if (!unlimited) this.#switchable.push({ service, method, path, template });
        if (plan.webSocket !== undefined) this.#webSockets.push(plan.webSocket);
      } catch (cause) {
        throw new TypeError(`service ${service}, route ${method} ${path}: ${errorMessage(cause)}`, {
          cause: declaration,
        });
      }
    }
  }

  /** One for all routes of a priority: what an OPTIONS costs says nothing about what its route costs. */
  #optionsGate(priority: Priority): AdmissionGate {
    let gate = this.#optionsGates.get(priority);
    if (gate === undefined) {
      gate = this.options.gates.gate(priority, `OPTIONS (${priority})`);
      this.#optionsGates.set(priority, gate);
    }
    return gate;
  }

  #declared(service: string, fill: (app: Application) => void): ReturnType<typeof collectRoutes> {
    try {
      return collectRoutes(fill, (topic, data, isBinary = false) => {
        this.topics.publish(topicOf(service, topic), data, isBinary);
      });
    } catch (cause) {
      const [message, named] = [errorMessage(cause), `service ${service}: `];
      // What the service has declared wrongly, a metric say, may name it already.
      throw new TypeError(message.startsWith(named) ? message : named + message, { cause });
    }
  }

  /** Serves one request. Never throws. */
  handle(exchange: Exchange): void {
    const { method, path } = exchange.head;
    let match: Match<RoutePlan> | undefined;
    try {
      match = this.#router.find(method === 'HEAD' ? 'GET' : method, path);
    } catch (error) {
      this.refuse(exchange, error);
      return;
    }
    const caller = exchange.head.inProcess ? undefined : this.#meshCallers?.callerOf(exchange);
    if (match !== undefined && !(match.value.internal && !isPeer(exchange, match.value.service, caller))) {
      this.#serve(exchange, match.value, match.params, caller);
    } else if (caller instanceof HttpError) {
      this.refuse(exchange, caller);
    } else {
      const plan = this.#unmatched.planFor(exchange.head, this.#visibleAt(exchange, path, caller));
      this.#serve(exchange, plan, NO_PARAMS, caller);
    }
  }

  /** Answers a request that was refused before its route was looked for. Never throws. */
  refuse(exchange: Exchange, error: unknown): void {
    this.#serve(exchange, this.#unmatched.refusing(exchange.head, error), NO_PARAMS);
  }

  #serve(exchange: Exchange, plan: RoutePlan, params: Params, caller?: MeshCaller): void {
    const peer = isPeer(exchange, plan.service, caller);
    serve(new RequestContext(this.#server, exchange, plan, params, performance.now(), peer));
  }

  /** Routes of a path that this caller may know of, by method. */
  #visibleAt(exchange: Exchange, path: string, caller: MeshCaller): ReadonlyMap<string, RoutePlan> {
    const plans = this.#router.methods(path);
    for (const [method, plan] of plans) {
      if (plan.internal && !isPeer(exchange, plan.service, caller)) plans.delete(method);
    }
    return plans;
  }
}

/**
 * True for in-process calls, and for callers with the mesh token of the asked service. What no service serves
 * is asked of the process, so there the value of any of its services will do.
 */
function isPeer({ head }: Exchange, service: string | undefined, caller: MeshCaller): boolean {
  if (head.inProcess) return true;
  return typeof caller === 'string' && (service === undefined || service === caller);
}

/** A service that is ready stays ready: the question is asked until it is answered yes. */
function once(isReady: (() => boolean) | undefined): () => boolean {
  if (isReady === undefined) return () => true;
  let ready = false;
  return () => {
    ready ||= isReady();
    return ready;
  };
}
