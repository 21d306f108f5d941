// The methods of gRPC of all mounted services, by path.
import { errorMessage } from '../../error-text.js';
import type { RpcMethod } from '../../grpc/rpc-method.js';
import type { AppOptions, MountOptions } from '../app-options.js';
import type { RouteInfo } from '../handler.js';
import { noHooks } from '../hook-chain.js';
import type { SwitchableRoute } from '../kill-switch.js';
import { mountingOf, type RouteBounds, RPC } from '../route-bounds.js';
import { planRoute } from '../routing/plan-route.js';
import type { RoutePlan } from '../routing/route-plan.js';
import type { Match, Params } from '../routing/router.js';
import type { RpcMethodWithOptions } from './rpc-handler.js';
import { rpcRouteHandler } from './rpc-route.js';

/** A method of gRPC. */
export interface RpcRoute extends Match<RoutePlan> {
  readonly method: RpcMethod;
}

const NO_PARAMS: Params = Object.freeze(Object.create(null) as Params);

export class RpcRoutes {
  readonly #options: Pick<AppOptions, 'observer' | 'settings'>;
  readonly #bounds: RouteBounds;
  readonly #routes = new Map<string, RpcRoute>();

  constructor(options: Pick<AppOptions, 'observer' | 'settings'>, bounds: RouteBounds) {
    this.#options = options;
    this.#bounds = bounds;
  }

  find(path: string): RpcRoute | undefined {
    return this.#routes.get(path);
  }

  /**
   * Prepares a method of a service.
   * @returns a function that adds it
   * @throws TypeError that names service and method, for a method that another service has, and for options
   *   that are wrong
   */
  prepare(
    service: string,
    method: RpcMethod,
    target: RpcMethodWithOptions,
    options: MountOptions,
  ): () => SwitchableRoute {
    const { path } = method;
    try {
      const value = this.#planned(service, method, target, options);
      return () => {
        this.#routes.set(path, { method, value, params: NO_PARAMS });
        return { service, method: RPC, path, template: path };
      };
    } catch (cause) {
      throw new TypeError(`service "${service}": grpc: ${path.slice(1)}: ${errorMessage(cause)}`, { cause });
    }
  }

  #planned(
    service: string,
    method: RpcMethod,
    { handler, ...options }: RpcMethodWithOptions,
    mounting: MountOptions,
  ): RoutePlan {
    const { path } = method;
    const { observer, settings } = this.#options;
    if (this.#routes.has(path)) throw new TypeError('it is served by another service');
    const info: RouteInfo = { service, method: RPC, path, template: path, webSocket: false, options };
    const bounds = this.#bounds.of(info, mountingOf(service, mounting));
    const served = rpcRouteHandler(method, handler);
    return planRoute(info, served, noHooks(undefined), settings, bounds, () => observer.rpcMeter(path));
  }
}
