// A healthy process, as the rules of problems read it, and what makes it less healthy.
import type { Fleet } from '#src/admin/views/fleet.js';
import type { ProblemFacts } from '#src/admin/views/problem-facts.js';
import { WindowClock } from '#src/admin/views/sliding-window.js';
import { Traffic } from '#src/admin/views/traffic.js';
import type { BreakerState } from '#src/resilience/breaker-contract.js';

type Counting = (metric: string, labels?: Readonly<Record<string, string>>, n?: number) => void;

/** A window of ten seconds in which this was counted. */
export function trafficOf(fill: (count: Counting) => void = () => {}): Traffic {
  const clock = new WindowClock();
  const traffic = new Traffic(clock);
  clock.begin();
  clock.end(1_000);
  clock.begin();
  fill((metric, labels = {}, n = 1) => {
    const follower = traffic.follow(metric, labels)!;
    follower.added?.(n);
    follower.recorded?.(20, n);
  });
  clock.end(11_000);
  return traffic;
}

export const requests = (count: Counting, route: string, status: number, n: number, error = ''): void =>
  count(
    'http_server_request_duration_seconds',
    {
      ...{ http_request_method: 'GET', http_route: route, http_response_status_code: String(status) },
      error_type: error,
    },
    n,
  );

export const fleetOf = (
  services: Readonly<Record<string, Readonly<Record<string, number>>>>,
  notable: readonly BreakerState[] = [],
): Fleet => ({
  services: new Map(
    Object.entries(services).map(([service, states]) => [
      service,
      {
        states,
        instances: Object.values(states).reduce((sum, n) => sum + n, 0),
        named: { ejected: ['a', 'b'] },
      },
    ]),
  ),
  notable: notable.map((breaker, n) => ({
    ...{ service: 'orders', instance: `i${n}`, slot: n, breaker },
    tripped: breaker.state === 'open' ? { calls: 20, failures: 12 } : undefined,
  })),
  notableCount: notable.length,
});

export const worker = (
  over: Partial<ProblemFacts['workers'][number]> = {},
): ProblemFacts['workers'][number] => ({
  ...{ id: 1, state: 'ready', loopUtilization: 0.2, current: null },
  startedAt: '2026-01-01T00:00:00.000Z',
  ...over,
});

export const HEALTHY: ProblemFacts = {
  readiness: { ready: true, reasons: [] },
  workers: [worker(), worker({ id: 2 })],
  statuses: [
    { kind: 'http', isServing: true },
    { kind: 'grpc', isServing: true },
  ],
  saturation: [{ name: 'connections', used: 5, limit: 100, ratio: 0.05, unit: 'connections' }],
  fullHeaps: [],
  traffic: trafficOf((count) => requests(count, '/a', 200, 1_000)),
  fleet: fleetOf({ orders: { healthy: 3 } }),
  clockMs: 50_000,
  wallMs: Date.parse('2026-01-01T12:00:00Z'),
  database: { held: 1, most: 20 },
  cpu: { queued: 0, queueLimit: 64, stuck: 0 },
  registryOutage: undefined,
  routesOff: [],
  logLevel: { level: 'info', setting: 'info', since: null, reason: null },
  sagas: 0,
};
