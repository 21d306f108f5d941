// The routes of the switches: the values in effect, and their changes by an operator.
import type { AdminRoute } from './admin-route.js';
import type { CpuThreadsSwitch } from './cpu-threads-switch.js';
import type { OperatorSwitches } from './operator-switches.js';
import { cpuThreadsOf, logLevelOf, ratioOf, routeSwitchOf } from './switch-bodies.js';

/** The values in effect. */
export type SwitchesJson = Pick<OperatorSwitches, 'logLevel' | 'requestLog' | 'sampling' | 'routes'> & {
  readonly cpuThreads: CpuThreadsSwitch['state'];
};

export function switchRoutes(
  switches: OperatorSwitches,
  cpuThreads: CpuThreadsSwitch,
): readonly AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/switches',
      handler: () => {
        const { logLevel, requestLog, sampling, routes } = switches;
        const json: SwitchesJson = { logLevel, requestLog, sampling, cpuThreads: cpuThreads.state, routes };
        return { status: 200, json };
      },
    },
    {
      method: 'PUT',
      path: '/switches/log-level',
      handler({ body }) {
        const { level, reason } = logLevelOf(body);
        const change = switches.setLogLevel(level, reason);
        return { status: 200, json: switches.logLevel, change };
      },
    },
    ...shareRoutes(switches),
    {
      method: 'PUT',
      path: '/switches/cpu-threads',
      handler({ body }) {
        const { threads, reason } = cpuThreadsOf(body);
        const change = cpuThreads.set(threads, reason);
        return { status: 200, json: cpuThreads.state, change };
      },
    },
    {
      method: 'PUT',
      path: '/switches/routes',
      handler({ body }) {
        const { method, route, state, reason, retryAfterS } = routeSwitchOf(body);
        const { change, routes } = switches.setRoute(method, route, state, reason, retryAfterS);
        return { status: 200, json: { routes }, change };
      },
    },
  ];
}

/** The shares of requests that are logged, and of traces that are kept. */
const shareRoutes = (switches: OperatorSwitches): readonly AdminRoute[] => [
  {
    method: 'PUT',
    path: '/switches/request-log',
    handler({ body }) {
      const { ratio, reason } = ratioOf(body);
      const change = switches.setRequestLog(ratio, reason);
      return { status: 200, json: switches.requestLog, change };
    },
  },
  {
    method: 'PUT',
    path: '/switches/sampling',
    handler({ body }) {
      const { ratio, reason } = ratioOf(body);
      const change = switches.setSampling(ratio, reason);
      return { status: 200, json: switches.sampling, change };
    },
  },
];
