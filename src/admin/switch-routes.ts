// The routes of the switches: the values in effect, and their changes by an operator.
import type { AdminRoute } from './admin-route.js';
import type { CpuThreadsSwitch } from './cpu-threads-switch.js';
import type { OperatorSwitches } from './operator-switches.js';
import { cpuThreadsOf, logLevelOf, routeSwitchOf, samplingOf } from './switch-bodies.js';

export function switchRoutes(
  switches: OperatorSwitches,
  cpuThreads: CpuThreadsSwitch,
): readonly AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/switches',
      handler: () => {
        const { logLevel, sampling, routes } = switches;
        return { status: 200, json: { logLevel, sampling, cpuThreads: cpuThreads.state, routes } };
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
      path: '/switches/cpu-threads',
      handler({ body }) {
        const { threads, reason } = cpuThreadsOf(body);
        cpuThreads.set(threads, reason);
        return { status: 200, json: cpuThreads.state };
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
