// The routes of the gateway: all methods of all paths below the prefix of a service, and its WebSockets.
import type { Logger } from 'pino';
import type { Tracing } from '../telemetry/span.js';
import type { Handler, RouteInfo, RouteOptions, WebSocketOptions } from './handler.js';
import { noHooks } from './hook-chain.js';
import { parsePattern } from './routing/pattern.js';
import { type MethodsDeps, type PlannedMethod, planMethods } from './routing/plan-methods.js';
import type { Topics } from './websocket/topics.js';
import { type RunningCallback, WebSocketRoute } from './websocket/websocket-route.js';

/**
 * The owner of these routes in limits and logs. It is no name that a service may have, so no mesh token opens
 * them, and none of their callers is believed.
 */
export const GATEWAY_OWNER = '(gateway)';
/** What all paths of the gateway begin with. */
export const GATEWAY_PREFIX = '/svc/';

/** A service behind the gateway. */
export interface RelayRoute {
  readonly service: string;
  readonly options: Pick<RouteOptions, 'timeoutMs' | 'bodyLimit' | 'rateLimit'>;
  /** Serves every request, and the handshakes of WebSockets: these have an exchange that can accept one. */
  readonly handler: Handler;
  /** The WebSockets that the handler accepts by `ctx.upgrade`. */
  readonly sockets: WebSocketOptions<never>;
}

export interface RelayRouteDeps extends MethodsDeps {
  readonly topics: Topics;
  readonly running: RunningCallback;
  readonly tracing: Tracing;
  readonly log: Logger;
}

/** The path of the routes of a service. The template of all of them is `/svc/{service}/*`. */
export const relayPath = (service: string): string => `${GATEWAY_PREFIX}:service(${service})/*`;

/** @throws TypeError for options that are wrong */
export function planRelay(
  { service, options, handler, sockets }: RelayRoute,
  { topics, running, tracing, log, ...methods }: RelayRouteDeps,
): readonly PlannedMethod[] {
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
  const owner = { service: GATEWAY_OWNER, method: '*', path, template };
  const common: RouteInfo = { ...owner, webSocket: false, options };
  return planMethods(common, handler, noHooks(undefined), methods).map(({ info, plan }) => {
    if (info.method !== 'GET') return { info, plan };
    webSocket.meter = plan.meter;
    return { info, plan: { ...plan, webSocket } };
  });
}
