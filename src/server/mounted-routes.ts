// The routes of all mounted services of a worker: mounted when it starts, found for every request.
import { errorMessage } from '../error-text.js';
import type { RpcMethod } from '../grpc/rpc-method.js';
import { SecretPaths } from '../redaction/secret-paths.js';
import type { AdmissionGate, Priority } from '../resilience/admission.js';
import type { AppOptions, MountOptions } from './app-options.js';
import { bulkheadOf } from './bulkheads.js';
import { DocumentedNames } from './docs/documented-names.js';
import type { RpcMethodWithOptions } from './grpc/rpc-handler.js';
import { rpcRouteHandler } from './grpc/rpc-route.js';
import type { Application, Handler, RouteInfo } from './handler.js';
import { noHooks, outermost } from './hook-chain.js';
import { KillSwitch, routeKey, type SwitchableRoute } from './kill-switch.js';
import {
  ALL_METHODS,
  GATEWAY_OWNER,
  GATEWAY_PREFIX,
  planRelay,
  type RelayRoute,
  relayPath,
} from './relay-routes.js';
import type { RequestHead } from './request-head.js';
import { collectRoutes, type DeclaredRoute, MOUNTED } from './route-declarations.js';
import { checksOf, globalCheck, type RateCheck } from './route-rate-limits.js';
import { type Pattern, parsePattern } from './routing/pattern.js';
import { planRoute, type RouteLimits } from './routing/plan-route.js';
import type { RoutePlan } from './routing/route-plan.js';
import { type Match, type Params, Router } from './routing/router.js';
import { Unmatched } from './routing/unmatched.js';
import type { Topics } from './websocket/topics.js';
import type { SocketRoute } from './websocket/websocket.js';
import { type RunningCallback, topicOf, WebSocketRoute } from './websocket/websocket-route.js';

/** A route without parameters. */
export interface StaticRoute {
  readonly method: string;
  readonly path: string;
  readonly match: Match<RoutePlan>;
}

/** A method of gRPC. */
export interface RpcRoute extends Match<RoutePlan> {
  readonly method: RpcMethod;
}

/** A service while it is mounted. */
interface Mounting {
  readonly service: string;
  readonly ready: () => boolean;
  readonly unlimited: boolean;
}

export class MountedRoutes {
  /** Plans for requests without a route. */
  readonly unmatched: Unmatched;
  readonly secretPaths: SecretPaths;
  readonly #options: AppOptions;
  readonly #topics: Topics;
  readonly #callback: RunningCallback;
  readonly #router = new Router<RoutePlan>();
  /** The methods of gRPC, by path. */
  readonly #rpc = new Map<string, RpcRoute>();
  readonly #documented: DocumentedNames;
  readonly #routes: RouteInfo[] = [];
  readonly #switchable: SwitchableRoute[] = [];
  readonly #webSockets: SocketRoute[] = [];
  /** What `#uncharged` has made. */
  readonly #relayedPlans = new Map<RoutePlan, RoutePlan>();
  readonly #optionsGates = new Map<Priority, AdmissionGate>();
  /** The limit of RATE_LIMIT, which all routes share. */
  readonly #commonRate: RateCheck | undefined;

  /** @param callback the callback of a WebSocket that is running */
  constructor(options: AppOptions, topics: Topics, callback: RunningCallback) {
    this.#options = options;
    this.#topics = topics;
    this.#callback = callback;
    this.#documented = new DocumentedNames(options.settings.openapi);
    this.secretPaths = options.secretPaths ?? new SecretPaths();
    this.#commonRate = globalCheck(options.settings, options.rateLimits);
    this.unmatched = new Unmatched(options.observer, this.#commonRate);
  }

  /** All routes in the order of declaration. */
  get all(): readonly RouteInfo[] {
    return this.#routes;
  }
  get switchable(): readonly SwitchableRoute[] {
    return this.#switchable;
  }
  get webSockets(): readonly SocketRoute[] {
    return this.#webSockets;
  }

  /** @throws HttpError for a path that cannot be decoded */
  find(method: string, path: string): Match<RoutePlan> | undefined {
    return this.#router.find(method === 'HEAD' ? 'GET' : method, path);
  }

  /** Finds a method of gRPC. */
  findRpc(path: string): RpcRoute | undefined {
    return this.#rpc.get(path);
  }

  staticRoutes(): StaticRoute[] {
    return this.#routes.flatMap(({ method, path, webSocket }) => {
      const match = webSocket ? undefined : this.#router.exact(method, path);
      return match === undefined ? [] : [{ method, path, match }];
    });
  }

  /** The plans of the routes at a path, by method. */
  at(path: string): Map<string, RoutePlan> {
    return this.#router.methods(path);
  }

  /**
   * Adds the routes of a service.
   * @throws TypeError naming service and route for a bad pattern, option or schema and for a route that is
   *   declared twice
   */
  mount(service: string, fill: (app: Application) => void, options: MountOptions): void {
    const { isReady, unlimited = false } = options;
    const mounting: Mounting = { service, ready: untilTrue(isReady), unlimited };
    const declared = this.#declared(service, fill);
    this.unmatched.addFields(outermost(declared[0]?.hooks)?.onRequest ?? []);
    for (const route of declared) {
      try {
        this.#add(route, mounting);
      } catch (cause) {
        const { method, path, declaration } = route;
        throw new TypeError(`service ${service}, route ${method} ${path}: ${errorMessage(cause)}`, {
          cause: declaration,
        });
      }
    }
  }

  /**
   * Prepares a method of gRPC of a service.
   * @returns a function that adds it
   * @throws TypeError that names service and method, for a method that another service has, and for options
   *   that are wrong
   */
  prepareRpc(
    service: string,
    method: RpcMethod,
    target: RpcMethodWithOptions,
    options: MountOptions,
  ): () => void {
    const { path } = method;
    try {
      const value = this.#rpcPlan(service, method, target, options);
      return () => {
        this.#rpc.set(path, { method, value, params: NO_PARAMS });
        this.#switchable.push({ service, method: RPC, path, template: path });
      };
    } catch (cause) {
      throw new TypeError(`service "${service}": grpc: ${path.slice(1)}: ${errorMessage(cause)}`, { cause });
    }
  }

  /** Adds the routes of the gateway for a service. @throws TypeError for options that are wrong */
  addRelay(relay: RelayRoute): void {
    const { settings: defaults, observer, tracing, log } = this.#options;
    const path = relayPath(relay.service);
    this.secretPaths.add(`${GATEWAY_PREFIX}${relay.service}/*`, true);
    const mounting: Mounting = { service: GATEWAY_OWNER, ready: () => true, unlimited: false };
    const info = { service: GATEWAY_OWNER, method: '*', path, template: path, options: relay.options };
    const planned = planRelay(relay, {
      defaults,
      limits: { ...this.#boundsOf({ ...info, webSocket: false }, mounting), killSwitch: undefined },
      meterOf: (method, template) => observer.meter(method, template),
      topics: this.#topics,
      running: this.#callback,
      tracing,
      log,
    });
    for (const { method, plan } of planned) {
      this.#router.add(method, path, plan);
      if (plan.webSocket !== undefined) this.#webSockets.push(plan.webSocket);
    }
  }

  /**
   * Finds what serves a request that the gateway passes on to a service: a route of the service that any
   * client may reach, or a refusal. The limit that all routes share was charged by the gateway.
   * @throws HttpError for a path that cannot be decoded
   */
  relayed(service: string, head: RequestHead): Match<RoutePlan> {
    const { method, path } = head;
    const found = this.find(method, path);
    if (found !== undefined && isPublicOf(service, found.value))
      return { value: this.#uncharged(found.value), params: found.params };
    const plans = this.at(path);
    for (const [at, plan] of plans) if (!isPublicOf(service, plan)) plans.delete(at);
    return { value: this.unmatched.unchargedPlanFor(head, plans), params: NO_PARAMS };
  }

  /** The plan of a route without the limit that all routes share. */
  #uncharged(plan: RoutePlan): RoutePlan {
    if (this.#commonRate === undefined) return plan;
    let uncharged = this.#relayedPlans.get(plan);
    if (uncharged === undefined) {
      const rateChecks = plan.rateChecks.filter((check) => check !== this.#commonRate);
      uncharged = { ...plan, rateChecks };
      this.#relayedPlans.set(plan, uncharged);
    }
    return uncharged;
  }

  #rpcPlan(
    service: string,
    method: RpcMethod,
    { handler, ...options }: RpcMethodWithOptions,
    { isReady, unlimited = false }: MountOptions,
  ): RoutePlan {
    const { path } = method;
    const { observer, settings } = this.#options;
    const mounting: Mounting = { service, ready: untilTrue(isReady), unlimited };
    if (this.#rpc.has(path)) throw new TypeError('it is served by another service');
    const info: RouteInfo = { service, method: RPC, path, template: path, webSocket: false, options };
    const bounds = this.#boundsOf(info, mounting);
    const served = rpcRouteHandler(method, handler);
    return planRoute(info, served, noHooks(undefined), settings, bounds, () => observer.rpcMeter(path));
  }

  #declared(service: string, fill: (app: Application) => void): readonly DeclaredRoute[] {
    try {
      return collectRoutes(fill, (topic, data, isBinary = false) => {
        this.#topics.publish(topicOf(service, topic), data, isBinary);
      });
    } catch (cause) {
      const [message, named] = [errorMessage(cause), `service ${service}: `];
      // An error about what the service has declared, such as a metric, may name the service already.
      throw new TypeError(message.startsWith(named) ? message : named + message, { cause });
    }
  }

  #add(route: DeclaredRoute, mounting: Mounting): void {
    if (route.method === MOUNTED) {
      this.#addMount(route, mounting);
      return;
    }
    const { method, path, options, target, hooks } = route;
    const { service, unlimited } = mounting;
    const { observer, settings } = this.#options;
    const pattern = parsePattern(path);
    const { template } = pattern;
    const webSocket = typeof target !== 'function';
    const exempt = unlimited ? { unlimited } : {};
    const info: RouteInfo = { service, method, path, template, webSocket, ...exempt, options };
    this.#documented.add(info);
    const served = webSocket ? this.#webSocketRoute(service, path, pattern, target) : target;
    const bounds = this.#boundsOf(info, mounting);
    const plan = planRoute(info, served, hooks, settings, bounds, (as) => observer.meter(as, template));
    this.#router.add(method, path, plan);
    this.secretPaths.add(template);
    this.#routes.push(info);
    if (!unlimited) this.#switchable.push({ service, method, path, template });
    if (plan.webSocket !== undefined) this.#webSockets.push(plan.webSocket);
  }

  /**
   * Adds all methods of a prefix and of the paths below it. They share their limits, and have one template.
   */
  #addMount({ path: prefix, options, target, hooks }: DeclaredRoute, mounting: Mounting): void {
    const { service, unlimited } = mounting;
    const { observer, settings, switchedOff } = this.#options;
    const path = `${prefix}/*`;
    const { template } = parsePattern(path);
    const common: RouteInfo = { service, method: MOUNTED, path, template, webSocket: false, options };
    this.#documented.add(common);
    const bounds = this.#boundsOf(common, mounting);
    for (const method of ALL_METHODS) {
      const info: RouteInfo = { ...common, method, mounted: true };
      const killSwitch = bounds.killSwitch && new KillSwitch(switchedOff!, routeKey(method, template));
      const limits = { ...bounds, killSwitch };
      const plan = planRoute(info, target as Handler, hooks, settings, limits, (as) =>
        observer.meter(as, template),
      );
      this.#router.add(method, path, plan);
      if (prefix !== '') this.#router.add(method, prefix, plan);
      this.#routes.push(info);
      if (!unlimited) this.#switchable.push({ service, method, path, template });
    }
  }

  #webSocketRoute(
    service: string,
    path: string,
    pattern: Pattern,
    target: Exclude<DeclaredRoute['target'], (...args: never) => unknown>,
  ): WebSocketRoute {
    const { log, tracing } = this.#options;
    const deps = { service, path, pattern, topics: this.#topics, running: this.#callback, tracing, log };
    return new WebSocketRoute(target, deps);
  }

  /** What bounds a route before its handler runs. */
  #boundsOf({ service, method, path, template, options }: RouteInfo, mounting: Mounting): RouteLimits {
    const { rateLimits, gates, switchedOff, loads } = this.#options;
    const { ready, unlimited } = mounting;
    const { priority = 'normal' } = options;
    const name = `${service} ${method} ${path}`;
    const rateChecks = checksOf(
      options.rateLimit,
      name,
      unlimited ? undefined : this.#commonRate,
      rateLimits,
    );
    const gate = unlimited ? undefined : gates.gate(priority, name);
    const optionsGate = unlimited ? undefined : this.#optionsGate(priority);
    const bulkhead = bulkheadOf(options.maxConcurrent, name, gates);
    const killSwitch =
      unlimited || switchedOff === undefined
        ? undefined
        : new KillSwitch(switchedOff, routeKey(method, template));
    // An instance of gRPC is a thread with a port of its own, one of HTTP is the process.
    const load = unlimited ? undefined : loads?.of(service, method === RPC ? 'thread' : 'process');
    return { ready, killSwitch, gate, optionsGate, load, rateChecks, bulkhead };
  }

  /** One gate for all routes of a priority, because the cost of an OPTIONS does not depend on its route. */
  #optionsGate(priority: Priority): AdmissionGate {
    let gate = this.#optionsGates.get(priority);
    if (gate === undefined) {
      gate = this.#options.gates.gate(priority, `OPTIONS (${priority})`);
      this.#optionsGates.set(priority, gate);
    }
    return gate;
  }
}

const isPublicOf = (service: string, plan: RoutePlan): boolean => plan.service === service && !plan.internal;

/** Stands for the method in names of gRPC calls: on the wire all of them are POST. */
const RPC = 'GRPC';
const NO_PARAMS: Params = Object.freeze(Object.create(null) as Params);

/** A service that is ready stays ready, so the function is called only until it returns true. */
function untilTrue(isReady: (() => boolean) | undefined): () => boolean {
  if (isReady === undefined) return () => true;
  let ready = false;
  return () => {
    ready ||= isReady();
    return ready;
  };
}
