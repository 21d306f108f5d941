// The plans of a route that serves all methods: one of the gateway, or a mounted application.
import type { Handler, RouteInfo } from '../handler.js';
import type { HookChain } from '../hook-chain.js';
import type { RouteMeter } from '../request-observer.js';
import { OTHER_METHOD } from './methods.js';
import { planRoute, type RouteDefaults, type RouteLimits } from './plan-route.js';
import type { RoutePlan } from './route-plan.js';

/** The methods of routes that serve all known ones: GET stands for HEAD, too. */
const KNOWN_METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

export interface MethodsDeps {
  readonly defaults: RouteDefaults;
  readonly limitsOf: (info: RouteInfo) => RouteLimits;
  readonly meterOf: (method: string, template: string) => RouteMeter;
}

export interface PlannedMethod {
  readonly info: RouteInfo;
  readonly plan: RoutePlan;
}

/** @throws TypeError for options that are wrong */
export function planMethods(
  common: RouteInfo,
  handler: Handler,
  hooks: HookChain,
  { defaults, limitsOf, meterOf }: MethodsDeps,
): readonly PlannedMethod[] {
  // A service behind the gateway gets the known methods only.
  const methods = common.mounted === true ? [...KNOWN_METHODS, OTHER_METHOD] : KNOWN_METHODS;
  return methods.map((method) => {
    const info: RouteInfo = { ...common, method };
    const meter = (as: string): RouteMeter => meterOf(as, common.template);
    return { info, plan: planRoute(info, handler, hooks, defaults, limitsOf(info), meter) };
  });
}
