// The gateway of a worker: `/svc/{service}/…` for the services that GATEWAY names.
import type { Settings } from '../config.js';
import { type GatewayDeps, gatewayRoute } from './gateway-route.js';

/** Adds the routes of the gateway; call when all services are mounted. */
export function mountGateway(
  { gateway, gatewayPolicies }: Pick<Settings, 'gateway' | 'gatewayPolicies'>,
  deps: GatewayDeps,
): void {
  for (const service of gateway) {
    const policy = Object.hasOwn(gatewayPolicies, service) ? gatewayPolicies[service]! : {};
    deps.app.mountRelay(gatewayRoute(service, policy, deps));
  }
}
