// The routes of all mounted services of a worker: mounted when it starts, found for every request.
import { basename } from 'node:path';
import { errorMessage } from '../error-text.js';
import type { RpcMethod } from '../grpc/rpc-method.js';
import { SecretPaths } from '../redaction/secret-paths.js';
import { sourceFile } from '../source-file.js';
import type { AppOptions, MountOptions } from './app-options.js';
import { DocumentedNames } from './docs/documented-names.js';
import type { RpcMethodWithOptions } from './grpc/rpc-handler.js';
import { type RpcRoute, RpcRoutes } from './grpc/rpc-routes.js';
import type { Application, Handler, RouteInfo } from './handler.js';
import { outermost } from './hook-chain.js';
import type { SwitchableRoute } from './kill-switch.js';
import { MountedApplications, UnpreparedError } from './mounted-applications.js';
import { GATEWAY_OWNER, GATEWAY_PREFIX, planRelay, type RelayRoute, relayPath } from './relay-routes.js';
import type { RequestHead } from './request-head.js';
import { type Mounting, mountingOf, RouteBounds } from './route-bounds.js';
import { collectRoutes, type DeclaredRoute, MOUNTED } from './route-declarations.js';
import { isOtherMethod, OTHER_METHOD } from './routing/methods.js';
import { type Pattern, parsePattern } from './routing/pattern.js';
import { planMethods } from './routing/plan-methods.js';
import { planRoute } from './routing/plan-route.js';
import type { RoutePlan } from './routing/route-plan.js';
import { type Match, type Params, Router, RouteTakenError } from './routing/router.js';
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

/** Two services, or one, have declared the same route. */
export class DeclaredTwiceError extends TypeError {
  /** Its stack shows where the first of the two routes was declared; undefined: not in a service. */
  readonly first: Error | undefined;
  /** The service that has declared the first of them. */
  readonly owner: string | undefined;

  constructor(message: string, declaration: Error, first: Error | undefined, owner: string | undefined) {
    super(message, { cause: declaration });
    this.first = first;
    this.owner = owner;
  }
}

export class MountedRoutes {
  /** Plans for requests without a route. */
  readonly unmatched: Unmatched;
  readonly secretPaths: SecretPaths;
  /** Applications of `node:http`. Until they are prepared their requests are 503 STARTING. */
  readonly applications: MountedApplications;
  readonly #options: AppOptions;
  readonly #topics: Topics;
  readonly #callback: RunningCallback;
  readonly #router = new Router<RoutePlan>();
  /** Where each route was declared. */
  readonly #declarations = new Map<RoutePlan, Error>();
  readonly #rpc: RpcRoutes;
  readonly #bounds: RouteBounds;
  readonly #documented: DocumentedNames;
  readonly #routes: RouteInfo[] = [];
  readonly #switchable: SwitchableRoute[] = [];
  readonly #webSockets: SocketRoute[] = [];
  /** What `#uncharged` has made. */
  readonly #relayedPlans = new Map<RoutePlan, RoutePlan>();

  /** @param callback the callback of a WebSocket that is running */
  constructor(options: AppOptions, topics: Topics, callback: RunningCallback) {
    this.#options = options;
    this.#topics = topics;
    this.#callback = callback;
    this.#documented = new DocumentedNames(options.settings.openapi);
    this.secretPaths = options.secretPaths ?? new SecretPaths();
    this.#bounds = new RouteBounds(options);
    this.applications = new MountedApplications(options.log);
    this.#rpc = new RpcRoutes(options, this.#bounds);
    this.unmatched = new Unmatched(options.observer, this.#bounds.commonRate);
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
    const found = this.#router.find(method === 'HEAD' ? 'GET' : method, path);
    return found ?? (isOtherMethod(method) ? this.#router.find(OTHER_METHOD, path) : undefined);
  }

  /** Finds a method of gRPC. */
  findRpc(path: string): RpcRoute | undefined {
    return this.#rpc.find(path);
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
    const mounting = mountingOf(service, options);
    const declared = this.#declared(service, fill);
    this.unmatched.addFields(outermost(declared[0]?.hooks)?.onRequest ?? []);
    for (const route of declared) {
      try {
        this.#add(route, mounting);
      } catch (cause) {
        throw this.#fault(service, route, cause);
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
    const add = this.#rpc.prepare(service, method, target, options);
    return () => void this.#switchable.push(add());
  }

  /** Adds the routes of the gateway for a service. @throws TypeError for options that are wrong */
  addRelay(relay: RelayRoute): void {
    const { settings: defaults, observer, tracing, log } = this.#options;
    const path = relayPath(relay.service);
    this.secretPaths.add(`${GATEWAY_PREFIX}${relay.service}/*`, 'route');
    const mounting = mountingOf(GATEWAY_OWNER, {});
    const info = { service: GATEWAY_OWNER, method: '*', path, template: path, options: relay.options };
    const limits = { ...this.#bounds.of({ ...info, webSocket: false }, mounting), killSwitch: undefined };
    const planned = planRelay(relay, {
      defaults,
      limitsOf: () => limits,
      meterOf: (method, template) => observer.meter(method, template),
      topics: this.#topics,
      running: this.#callback,
      tracing,
      log,
    });
    for (const { info: route, plan } of planned) {
      this.#router.add(route.method, path, plan);
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
    const { commonRate } = this.#bounds;
    if (commonRate === undefined) return plan;
    let uncharged = this.#relayedPlans.get(plan);
    if (uncharged === undefined) {
      const rateChecks = plan.rateChecks.filter((check) => check !== commonRate);
      uncharged = { ...plan, rateChecks };
      this.#relayedPlans.set(plan, uncharged);
    }
    return uncharged;
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

  #fault(service: string, route: DeclaredRoute, cause: unknown): TypeError {
    const what = declaredAs(service, route);
    const { declaration } = route;
    if (!(cause instanceof RouteTakenError))
      return new TypeError(`${what}: ${errorMessage(cause)}`, { cause: declaration });
    const plan = cause.value as RoutePlan;
    const owner = plan.service === service ? 'it' : `service ${plan.service}`;
    return new DeclaredTwiceError(
      `${what}: ${owner} has declared ${cause.taken} already`,
      declaration,
      this.#declarations.get(plan),
      plan.service,
    );
  }

  #add(route: DeclaredRoute, mounting: Mounting): void {
    if (route.method === MOUNTED) {
      this.#addMount(route, this.#mountingOf(route, mounting));
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
    const bounds = this.#bounds.of(info, mounting);
    const plan = planRoute(info, served, hooks, settings, bounds, (as) => observer.meter(as, template));
    this.#router.add(method, path, plan);
    this.#declarations.set(plan, route.declaration);
    this.secretPaths.add(template);
    this.#routes.push(info);
    if (!unlimited) this.#switchable.push({ service, method, path, template });
    if (plan.webSocket !== undefined) this.#webSockets.push(plan.webSocket);
  }

  /** @throws TypeError for an application of `node:http` on another core */
  #mountingOf(route: DeclaredRoute, mounting: Mounting): Mounting {
    const { node } = route;
    if (node === undefined) return mounting;
    const { httpCore, settings } = this.#options;
    if (httpCore === 'uws') throw new TypeError(needsNode(settings));
    const mount = { service: mounting.service, prefix: route.path || '/' };
    const isPrepared = this.applications.add(node, mount, (cause) => {
      const what = declaredAs(mounting.service, route);
      return new UnpreparedError(what, route.declaration, cause);
    });
    return { ...mounting, ready: () => isPrepared() && mounting.ready() };
  }

  /**
   * Adds all methods of a prefix and of the paths below it. They share their limits, and have one template.
   */
  #addMount({ path: prefix, options, target, hooks, declaration }: DeclaredRoute, mounting: Mounting): void {
    const { service, unlimited } = mounting;
    const { observer, settings } = this.#options;
    const path = `${prefix}/*`;
    const { template } = parsePattern(path);
    const common: RouteInfo = { service, method: MOUNTED, path, template, webSocket: false, options };
    this.#documented.add(common);
    this.secretPaths.add(template, 'application');
    const bounds = this.#bounds.of(common, mounting);
    const planned = planMethods({ ...common, mounted: true }, target as Handler, hooks, {
      defaults: settings,
      limitsOf: (info) => ({ ...bounds, killSwitch: bounds.killSwitch && this.#bounds.switchOf(info) }),
      meterOf: (method, as) => observer.meter(method, as),
    });
    for (const { info, plan } of planned) {
      const { method } = info;
      this.#router.add(method, path, plan);
      // As for the paths below it, a route that has the prefix as its path wins over the application.
      if (prefix !== '') this.#router.add(method, prefix, plan, true);
      this.#declarations.set(plan, declaration);
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
}

/** What a service has declared, for messages. */
function declaredAs(service: string, { method, path, node }: DeclaredRoute): string {
  if (method !== MOUNTED) return `service ${service}, route ${method} ${path}`;
  return `service ${service}, ${node === undefined ? 'mount' : 'mountNode'} ${path || '/'}`;
}

function needsNode({ configFile, httpCoreWritten }: AppOptions['settings']): string {
  const needed = 'it needs the HTTP core of Node.js, whose objects (req, res) it works with';
  if (httpCoreWritten !== undefined)
    return `${needed}, but ${httpCoreWritten} selects another one: set it to node`;
  // Without a file it may be a test, which reads no environment.
  const place =
    configFile === undefined
      ? "defineConfig({ … }), or settings: { httpCore: 'node' } in createTestApp({ … })"
      : basename(sourceFile(configFile));
  return `${needed}: start with HTTP_CORE=node, or write httpCore: 'node' in ${place}`;
}

const isPublicOf = (service: string, plan: RoutePlan): boolean => plan.service === service && !plan.internal;

const NO_PARAMS: Params = Object.freeze(Object.create(null) as Params);
