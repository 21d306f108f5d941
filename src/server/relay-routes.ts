// The routes of the gateway: all methods of all paths below the prefix of a service, and its WebSockets.
import type { Logger } from 'pino';
import type { Tracing } from '../telemetry/span.js';
import type { Handler, RouteInfo, RouteOptions, WebSocketOptions } from './handler.js';
import { noHooks } from './hook-chain.js';
import type { RouteMeter } from './request-observer.js';
import { parsePattern } from './routing/pattern.js';
import { planRoute, type RouteDefaults, type RouteLimits } from './routing/plan-route.js';
import type { RoutePlan } from './routing/route-plan.js';
import type { Topics } from './websocket/topics.js';
import { type RunningCallback, WebSocketRoute } from './websocket/websocket-route.js';

/**
 * The owner of these routes in limits and logs. It is no name that a service may have, so no mesh token opens
 * them, and none of their callers is believed.
 */
export const GATEWAY_OWNER = '(gateway)';
/** What all paths of the gateway begin with. */
export const GATEWAY_PREFIX = '/svc/';

/** The methods of routes that serve all of them: GET stands for HEAD, too. */
export const ALL_METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/** A service behind the gateway. */
export interface RelayRoute {
  readonly service: string;
  readonly options: Pick<RouteOptions, 'timeoutMs' | 'bodyLimit' | 'rateLimit'>;
  /** Serves every request, and the handshakes of WebSockets: these have an exchange that can accept one. */
  readonly handler: Handler;
  /** The WebSockets that the handler accepts by `ctx.upgrade`. */
  readonly sockets: WebSocketOptions<never>;
}

export interface RelayRouteDeps {
  readonly defaults: RouteDefaults;
  readonly limits: RouteLimits;
  readonly meterOf: (method: string, template: string) => RouteMeter;
  readonly topics: Topics;
  readonly running: RunningCallback;
  readonly tracing: Tracing;
  readonly log: Logger;
}

interface PlannedRelay {
  readonly method: string;
  readonly path: string;
  readonly plan: RoutePlan;
}

/** The path of the routes of a service. The template of all of them is `/svc/{service}/*`. */
export const relayPath = (service: string): string => `${GATEWAY_PREFIX}:service(${service})/*`;

/** @throws TypeError for options that are wrong */
export function planRelay(
  { service, options, handler, sockets }: RelayRoute,
  { defaults, limits, meterOf, topics, running, tracing, log }: RelayRouteDeps,
): readonly PlannedRelay[] {
  const path = relayPath(service);
  const { template } = parsePattern(path);
  // Where two patterns have a parameter at the same place, the core tries one of them: this one has none.
  const pattern = parsePattern(`${GATEWAY_PREFIX}${service}/*`);
  const webSocket = new WebSocketRoute(sockets, {
    service: GATEWAY_OWNER,
    path,
    pattern,
    topics,
    running,
    tracing,
    log,
  });
  return ALL_METHODS.map((method) => {
    const info: RouteInfo = { service: GATEWAY_OWNER, method, path, template, webSocket: false, options };
    const meter = (as: string): RouteMeter => meterOf(as, template);
    const plan = planRoute(info, handler, noHooks(undefined), defaults, limits, meter);
    if (method !== 'GET') return { method, path, plan };
    webSocket.meter = plan.meter;
    return { method, path, plan: { ...plan, webSocket } };
  });
}
