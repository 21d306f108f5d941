// The App of a worker: all its mounted services. `handle(exchange)` finds the route of a request and serves
// it.
import { dirname } from 'node:path';
// Imported, because the global of the same name is a getter: it costs a tenth of a microsecond per request.
import { performance } from 'node:perf_hooks';
import { AddressRanges } from '../address-ranges.js';
import { HttpError } from '../errors.js';
import type { RpcMethod } from '../grpc/rpc-method.js';
import { currentScope } from '../scope.js';
import { RequestIds } from '../telemetry/request-ids.js';
import { toError } from '../telemetry/to-error.js';
import type { AppOptions, MountOptions } from './app-options.js';
import { EnteredStores } from './entered-stores.js';
import type { Exchange } from './exchange.js';
import type { RpcMethodWithOptions } from './grpc/rpc-handler.js';
import type { Application, RouteInfo } from './handler.js';
import type { SwitchableRoute } from './kill-switch.js';
import { type LiveRequest, LiveRequests } from './live-requests.js';
import { LostBodies } from './lost-bodies.js';
import { type MeshCaller, MeshCallers } from './mesh-callers.js';
import type { MountedApplications } from './mounted-applications.js';
import { MountedRoutes, type StaticRoute } from './mounted-routes.js';
import { serve } from './pipeline.js';
import type { RelayRoute } from './relay-routes.js';
import { RequestContext } from './request-context.js';
import type { RequestHead } from './request-head.js';
import { RequestLog, type RequestLogOptions } from './request-log.js';
import { FileLooks } from './response/file-looks.js';
import { isOtherMethod } from './routing/methods.js';
import type { RoutePlan } from './routing/route-plan.js';
import type { Match, Params } from './routing/router.js';
import type { ServerContext } from './server-context.js';
import { ServiceCode } from './service-code.js';
import { TimerWheel } from './timer-wheel.js';
import { TurnEnd } from './turn-end.js';
import { Topics } from './websocket/topics.js';
import type { SocketRoute } from './websocket/websocket.js';
import type { RunningCallback } from './websocket/websocket-route.js';

const NO_PARAMS = Object.freeze(Object.create(null) as Params);
const NO_REQUEST_LOG: RequestLogOptions = { share: () => 0, slowMs: 0 };
const NO_PLANS: ReadonlyMap<string, RoutePlan> = new Map();

export class App {
  readonly options: AppOptions;
  readonly wheel: TimerWheel;
  readonly topics: Topics;
  readonly serviceCode = new ServiceCode();
  readonly files: FileLooks;
  readonly #server: ServerContext;
  readonly #mounted: MountedRoutes;
  readonly #callback: RunningCallback = { route: undefined, since: 0 };
  /** Undefined without MESH_TOKEN. */
  readonly #meshCallers: MeshCallers | undefined;
  readonly #requests = new LiveRequests();

  constructor(options: AppOptions) {
    const { log, rateLimits, bus, ticker } = options;
    const { meshToken } = options.settings;
    this.options = options;
    const { configFile } = options.settings;
    const baseDir = configFile === undefined ? process.cwd() : dirname(configFile);
    this.files = new FileLooks(baseDir, options.fileClock);
    this.wheel = new TimerWheel(this.#errorLogger('a timer failed'), ticker);
    this.topics = new Topics(bus);
    this.#meshCallers = meshToken === undefined ? undefined : new MeshCallers(meshToken, rateLimits, log);
    this.#mounted = new MountedRoutes(options, this.topics, this.#callback);
    this.#server = this.#serverContext();
  }

  #serverContext(): ServerContext {
    const { log, tracing, observer, quotas, scheme = 'http', settings } = this.options;
    return {
      log,
      tracing,
      secretPaths: this.#mounted.secretPaths,
      requestLog: new RequestLog(log, this.options.requestLog ?? NO_REQUEST_LOG),
      scheme,
      files: this.files,
      proxies: new AddressRanges(settings.trustedProxies),
      proxyField: settings.trustedProxyField,
      wheel: this.wheel,
      serviceCode: this.serviceCode,
      enteredStores: new EnteredStores(),
      turnEnd: new TurnEnd(this.#errorLogger('a callback at the end of a turn failed')),
      quotas,
      ids: this.options.ids ?? new RequestIds(),
      requests: this.#requests,
      lostBodies: new LostBodies(log),
      warnedRoutes: new WeakSet(),
      refused: (reason) => observer.refused(reason),
      draining: () => this.options.draining(),
      trustsTraceFlags: (exchange) => this.options.trustsTraceFlags(exchange),
    };
  }

  #errorLogger(message: string): (error: unknown) => void {
    return (error) => this.options.log.error({ err: toError(error) }, message);
  }

  // --- routes

  /**
   * Adds the routes of a service; call before serving.
   * @throws TypeError naming service and route for a bad pattern, option or schema and for a route that is
   *   declared twice
   */
  mount(service: string, fill: (app: Application) => void, options: MountOptions = {}): void {
    this.#mounted.mount(service, fill, options);
    this.#meshCallers?.accept(service);
  }

  /**
   * Prepares a method of gRPC of a mounted service.
   * @returns a function that adds it, so that several methods can be added together or not at all
   * @throws TypeError that names service and method, for a method that another service has, and for options
   *   that are wrong
   */
  prepareRpc(
    service: string,
    method: RpcMethod,
    target: RpcMethodWithOptions,
    options: MountOptions = {},
  ): () => void {
    const add = this.#mounted.prepareRpc(service, method, target, options);
    return () => {
      add();
      this.#meshCallers?.accept(service);
    };
  }

  /**
   * The mounted applications of `node:http`. They are prepared once, after all services are mounted, and
   * closed behind the last request.
   */
  get applications(): MountedApplications {
    return this.#mounted.applications;
  }

  /** Adds the routes of the gateway for a service. @throws TypeError for options that are wrong */
  mountRelay(relay: RelayRoute): void {
    this.#mounted.addRelay(relay);
  }

  /** @param path `/package.Service/Method` */
  rpcMethod(path: string): RpcMethod | undefined {
    return this.#mounted.findRpc(path)?.method;
  }

  /** All routes in the order of declaration. */
  routes(): readonly RouteInfo[] {
    return this.#mounted.all;
  }

  /** The routes that an operator can switch off. */
  switchable(): readonly SwitchableRoute[] {
    return this.#mounted.switchable;
  }

  webSockets(): readonly SocketRoute[] {
    return this.#mounted.webSockets;
  }

  /** The routes without parameters: each is found by its method and its path alone. */
  staticRoutes(): readonly StaticRoute[] {
    return this.#mounted.staticRoutes();
  }

  /** The WebSocket route that a GET of this path finds. */
  webSocketAt(path: string): SocketRoute | undefined {
    try {
      return this.#mounted.find('GET', path)?.value.webSocket;
    } catch {
      return undefined; // served like any other request, it is refused for the same reason
    }
  }

  /**
   * Whether a mounted application gets this request, whose method is none of the known ones. A stranger at an
   * internal one gets what it would get at any path, so the connection does not tell that something is there.
   */
  servesOther(head: RequestHead): boolean {
    if (!isOtherMethod(head.method)) return false;
    try {
      const plan = this.#mounted.find(head.method, head.path)?.value;
      if (plan === undefined) return false;
      return !plan.internal || this.#meshCallers?.isCallerOf(plan.service, head) === true;
    } catch {
      return false;
    }
  }

  // --- serving

  /**
   * Serves one request. Throws only where the stack is full: see `serve`.
   * @param known its route, where that has been found already
   */
  handle(exchange: Exchange, known?: Match<RoutePlan>): void {
    const { method, path, inProcess, isRpc } = exchange.head;
    let match = known;
    try {
      match ??= isRpc ? this.#mounted.findRpc(path) : this.#mounted.find(method, path);
    } catch (error) {
      this.refuse(exchange, error);
      return;
    }
    const caller = inProcess ? undefined : this.#meshCallers?.callerOf(exchange);
    if (match !== undefined && !(match.value.internal && !isPeer(exchange, match.value.service, caller))) {
      this.#serve(exchange, match.value, match.params, caller);
    } else this.#serveUnmatched(exchange, caller);
  }

  /**
   * Serves a request that the gateway passes on to a service of this App, as one of a stranger. Throws as
   * `handle`.
   */
  relay(service: string, exchange: Exchange): void {
    try {
      const { value, params } = this.#mounted.relayed(service, exchange.head);
      this.#serve(exchange, value, params);
    } catch (error) {
      this.refuse(exchange, error);
    }
  }

  #serveUnmatched(exchange: Exchange, caller: MeshCaller): void {
    if (caller instanceof HttpError) {
      this.refuse(exchange, caller);
      return;
    }
    const { path, isRpc } = exchange.head;
    const visible = isRpc ? NO_PLANS : this.#visibleAt(exchange, path, caller);
    const plan = this.#mounted.unmatched.planFor(exchange.head, visible);
    this.#serve(exchange, plan, NO_PARAMS, caller);
  }

  /**
   * Refuses a call of an internal method, before its request arrives, as if the method did not exist. Does
   * nothing for other methods, and for callers of the mesh.
   * @param exchangeOf called for internal methods only
   * @returns whether it was refused
   */
  refuseStranger(path: string, exchangeOf: () => Exchange): boolean {
    const plan = this.#mounted.findRpc(path)?.value;
    if (plan?.internal !== true) return false;
    const exchange = exchangeOf();
    const caller = this.#meshCallers?.callerOf(exchange);
    if (isPeer(exchange, plan.service, caller)) return false;
    this.#serveUnmatched(exchange, caller);
    return true;
  }

  /**
   * Responds with an error to a request that was refused before its route was looked up. A call by gRPC
   * counts for its method. Throws as `handle`.
   */
  refuse(exchange: Exchange, error: unknown): void {
    const { head } = exchange;
    const known = head.isRpc ? this.#mounted.findRpc(head.path)?.value : undefined;
    const refusal = this.#mounted.unmatched.refusing(head, error);
    const plan = known === undefined ? refusal : ofMethod(refusal, known);
    this.#serve(exchange, plan, NO_PARAMS);
  }

  #serve(exchange: Exchange, plan: RoutePlan, params: Params, caller?: MeshCaller): void {
    const peer = isPeer(exchange, plan.service, caller);
    serve(new RequestContext(this.#server, exchange, plan, params, performance.now(), peer));
  }

  /** The routes of a path that this caller may know of, by method. */
  #visibleAt(exchange: Exchange, path: string, caller: MeshCaller): ReadonlyMap<string, RoutePlan> {
    const plans = this.#mounted.at(path);
    for (const [method, plan] of plans) {
      if (plan.internal && !isPeer(exchange, plan.service, caller)) plans.delete(method);
    }
    return plans;
  }

  // --- live requests

  /**
   * Number of requests that are being served, those of this worker to itself included. A drain waits for 0,
   * so a request whose handler goes on after its response does not count.
   */
  get inFlight(): number {
    return this.#requests.inFlight;
  }

  /**
   * All requests that are being served, newest first, and those whose handlers go on after their responses.
   */
  living(): readonly LiveRequest[] {
    return this.#requests.all();
  }

  /** The request whose code is running. */
  running(): RequestContext | undefined {
    const scope = currentScope();
    return scope instanceof RequestContext ? scope : undefined;
  }

  /** The template of the WebSocket whose callback is running, and since when it runs. */
  runningWebSocket(): Readonly<RunningCallback> | undefined {
    return this.#callback.route === undefined ? undefined : this.#callback;
  }

  /**
   * Call when the callback of a WebSocket was interrupted, so that code that runs afterwards is not taken for
   * that callback.
   */
  clearRunningWebSocket(): void {
    this.#callback.route = undefined;
  }

  /**
   * Ends requests in flight, by default all: a request without a response gets this error, a stream ends,
   * signals abort, permits are released. Safe at any time. What a handler holds for its own work (`Hold`) is
   * not released here, because the handler goes on and releases it when that work ends.
   */
  abandon(error: HttpError, requests: readonly LiveRequest[] = this.living()): void {
    this.#requests.end(
      requests,
      'abandon',
      error,
      this.#errorLogger('a request could not be ended in order'),
    );
  }

  /**
   * Ends the requests that were cut off by a full stack or by the timeout of `node:vm`: nothing of them ends
   * by itself. Call it directly in a callback of the event loop, now and then.
   */
  endCutOff(): void {
    const requests = this.#requests.cutOff();
    if (requests.length === 0) return;
    this.options.log.error(
      { requests: requests.length },
      'requests were cut off by a full stack or a timeout of node:vm; they count as failed',
    );
    const error = new HttpError('INTERNAL', 'The request was cut off.');
    const failed = this.#errorLogger('a request could not be ended in order');
    this.#requests.end(requests, 'endCutOff', error, failed);
  }

  /**
   * Ends requests whose code was interrupted: like `abandon`, and releases what their handlers hold (`Hold`),
   * because interrupted code never does.
   */
  interrupt(error: HttpError, requests: readonly LiveRequest[]): void {
    this.#requests.end(
      requests,
      'interrupt',
      error,
      this.#errorLogger('a request could not be ended in order'),
    );
  }
}

/** A refusal that is counted, and named in logs and traces, as a call of this method. */
function ofMethod(refusal: RoutePlan, { path, template, service, meter, headMeter }: RoutePlan): RoutePlan {
  return { ...refusal, path, template, service, meter, headMeter };
}

/**
 * True for requests within the process, and for callers with the mesh token of the requested service. A
 * request without a route concerns the whole process, so the token of any of its services counts there.
 */
function isPeer({ head }: Exchange, service: string | undefined, caller: MeshCaller): boolean {
  if (head.inProcess) return true;
  return typeof caller === 'string' && (service === undefined || service === caller);
}
