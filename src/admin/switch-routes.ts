// The routes of the switches: the values in effect, and their changes by an operator.
import type { AdminRoute } from './admin-route.js';
import type { OperatorSwitches } from './operator-switches.js';
import { logLevelOf, routeSwitchOf, samplingOf } from './switch-bodies.js';

export function switchRoutes(switches: OperatorSwitches): readonly AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/switches',
      handler: () => {
        const { logLevel, sampling, routes } = switches;
        return { status: 200, json: { logLevel, sampling, routes } };
      },
    },
    {
      method: 'PUT',
      path: '/switches/log-level',
      handler({ body }) {
        const { level, reason } = logLevelOf(body);
        switches.setLogLevel(level, reason);
        return { status: 200, json: switches.logLevel };
      },
    },
    {
      method: 'PUT',
      path: '/switches/sampling',
      handler({ body }) {
        const { ratio, reason } = samplingOf(body);
        switches.setSampling(ratio, reason);
        return { status: 200, json: switches.sampling };
      },
    },
    {
      method: 'PUT',
      path: '/switches/routes',
      handler({ body }) {
        const { method, route, state, reason, retryAfterS } = routeSwitchOf(body);
        return {
          status: 200,
          json: { routes: switches.setRoute(method, route, state, reason, retryAfterS) },
        };
      },
    },
  ];
}
