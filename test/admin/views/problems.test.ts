import { expect } from 'chai';
import type { ProblemFacts } from '#src/admin/views/problem-facts.js';
import { MOST_PROBLEMS, problemsOf } from '#src/admin/views/problems.js';
import type { Traffic } from '#src/admin/views/traffic.js';
import { OVERFLOW } from '#src/memory/metrics/series.js';
import type { BreakerState } from '#src/resilience/breaker-contract.js';
import { METRICS } from '#src/telemetry/metric-table.js';
import { CONNECTION_REASONS, OVERLOAD_REASONS } from '#src/telemetry/shed-reasons.js';
import { fleetOf, HEALTHY, requests, trafficOf, worker } from './healthy-process.js';

/** @param seconds that callers have waited for database connections, together */
const waitedFor = (seconds: number): Traffic =>
  trafficOf((count) => {
    count('multilane_database_wait_seconds_total', { pool: 'a' }, seconds - 2);
    count('multilane_database_wait_seconds_total', { pool: 'b' }, 2);
  });

const shown = (over: Partial<ProblemFacts>): string[] =>
  problemsOf({ ...HEALTHY, ...over }).map(({ severity, title }) => `${severity}: ${title}`);

/** What each change of a healthy process is reported as. */
const CASES: Readonly<Record<string, readonly [over: Partial<ProblemFacts>, ...lines: string[]]>> = {
  'no worker': [
    {
      statuses: [
        { kind: 'http', isServing: false },
        { kind: 'grpc', isServing: true },
      ],
    },
    'critical: No worker serves requests',
  ],
  'no gRPC worker': [
    {
      statuses: [
        { kind: 'http', isServing: true },
        { kind: 'grpc', isServing: false },
      ],
    },
    'critical: No worker serves gRPC calls',
  ],
  'no worker of any kind': [
    {
      statuses: [
        { kind: 'http', isServing: false },
        { kind: 'grpc', isServing: false },
      ],
    },
    'critical: No worker serves requests',
    'critical: No worker serves gRPC calls',
  ],
  'no trouble of a worker that has failed and still serves, or of a process without gRPC': [
    { workers: [worker({ state: 'draining' })], statuses: [{ kind: 'http', isServing: true }] },
  ],
  'a process that is not ready': [
    { readiness: { ready: false, reasons: ['draining'] } },
    'critical: The process is not ready',
  ],
  'a stalled worker': [
    { workers: [worker(), worker({ id: 2, state: 'stalled', current: { route: '/slow', sinceMs: 1_200 } })] },
    'warning: Worker 2 is stalled',
  ],
  'workers that were replaced, but not by a reload': [
    {
      traffic: trafficOf((count) => {
        count('multilane_worker_restarts_total', { reason: 'crash' }, 2);
        count('multilane_worker_restarts_total', { reason: 'reload' }, 2);
      }),
    },
    'warning: 2 workers were replaced (crash)',
  ],
  'a busy event loop': [
    { workers: [worker({ loopUtilization: 0.99 })] },
    'warning: 1 event loop is busy all the time',
  ],
  'a full heap': [
    { fullHeaps: [{ worker: 2, ratio: 0.95 }] },
    'warning: 1 worker retains nearly all the heap that it may',
  ],
  'a stalled handler': [
    { traffic: trafficOf((count) => count('multilane_handler_stalls_total', { route: '/slow' })) },
    'warning: /slow has blocked an event loop',
  ],
  'a stall in which no handler was interrupted': [
    { traffic: trafficOf((count) => count('multilane_handler_stalls_total', { route: '' })) },
    'warning: An event loop was blocked',
  ],
  'what does not reach the collector by OTLP': [
    {
      traffic: trafficOf((count) => {
        count('multilane_otlp_items_dropped_total', { signal: 'metrics', reason: 'unreachable' }, 30);
        count('multilane_otlp_items_dropped_total', { signal: 'metrics', reason: 'full' }, 10);
        count('multilane_otlp_items_dropped_total', { signal: 'logs', reason: 'unreachable' }, 2);
      }),
    },
    'warning: 42 exported items were lost',
  ],
  'lost log lines and spans': [
    {
      traffic: trafficOf((count) => {
        count('multilane_log_lines_dropped_total', {}, 3);
        count('multilane_spans_dropped_total', { reason: 'timeout' });
      }),
    },
    'warning: 3 log lines were lost',
    'warning: 1 span was lost',
  ],
  'too many labels': [
    { traffic: trafficOf((count) => count(OVERFLOW, { metric: 'shop_views_total' })) },
    'info: Some series are counted under fewer labels',
  ],
  'a changed log level': [
    { logLevel: { level: 'debug', setting: 'info', since: null, reason: 'late orders' } },
    'info: The log level is debug instead of info',
  ],
  'sagas that are stuck': [{ sagas: 1 }, 'critical: 1 saga needs an operator'],
  'sagas that were not counted in time': [
    { sagas: undefined },
    'info: It is not known yet whether sagas need an operator',
  ],
  'more sagas than are counted': [{ sagas: 101 }, 'critical: More than 100 sagas need an operator'],
  'a route that fails': [
    {
      traffic: trafficOf((count) => {
        requests(count, '/a', 200, 80);
        requests(count, '/a', 503, 20);
        requests(count, '/b', 500, 3);
        requests(count, '/c', 500, 2);
        requests(count, '/d', 404, 50);
      }),
    },
    'critical: 100 % of the requests of GET /b fail',
    'warning: 20 % of the requests of GET /a fail',
  ],
  'database connections that are used up': [
    { database: { held: 20, most: 20 }, traffic: waitedFor(15) },
    'critical: All database connections are in use',
  ],
  'database connections that are nearly used up': [
    { database: { held: 19, most: 20 }, traffic: waitedFor(15) },
    'warning: Nearly all database connections are in use',
  ],
  'no database connections that are held while callers hardly wait': [
    { database: { held: 20, most: 20 }, traffic: waitedFor(9) },
  ],
  'no callers that wait while connections can still be opened': [
    { database: { held: 5, most: 20 }, traffic: waitedFor(15) },
  ],
  'requests that are refused': [
    {
      traffic: trafficOf((count) => {
        for (const reason of OVERLOAD_REASONS) count('multilane_requests_shed_total', { reason }, 7);
      }),
    },
    `warning: ${7 * OVERLOAD_REASONS.length} requests were refused`,
  ],
  'connections that are refused': [
    {
      traffic: trafficOf((count) => {
        for (const reason of CONNECTION_REASONS) count('multilane_requests_shed_total', { reason });
      }),
    },
    `warning: ${CONNECTION_REASONS.length} connections were refused`,
  ],
  'a rate limit that refuses much': [
    {
      traffic: trafficOf((count) => {
        requests(count, '/a', 429, 100);
        count('multilane_rate_limited_total', { limit: 'RATE_LIMIT' }, 50);
        count('multilane_rate_limited_total', { limit: 'other' }, 5);
      }),
    },
    'warning: A rate limit refuses 50 % of the requests',
  ],
  'no rate limit that refuses a tenth, but one that refuses more': [
    {
      traffic: trafficOf((count) => {
        requests(count, '/a', 429, 1_000);
        count('multilane_rate_limited_total', { limit: 'tenth' }, 100);
        count('multilane_rate_limited_total', { limit: 'more' }, 101);
      }),
    },
    'warning: A rate limit refuses 10 % of the requests',
  ],
  'no rate limit that refuses fewer than ten requests': [
    {
      traffic: trafficOf((count) => {
        requests(count, '/a', 429, 9);
        count('multilane_rate_limited_total', { limit: 'a' }, 9);
      }),
    },
  ],
  'a full CPU queue': [
    {
      cpu: { queued: 64, queueLimit: 64, stuck: 0 },
      traffic: trafficOf((count) => count('multilane_cpu_tasks_refused_total', { reason: 'queue' }, 4)),
    },
    'warning: CPU tasks are refused',
  ],
  'stuck CPU threads': [{ cpu: { queued: 0, queueLimit: 64, stuck: 1 } }, 'warning: 1 CPU thread is stuck'],
  'another limit that is used up': [
    { saturation: [{ name: 'open streams', used: 95, limit: 100, ratio: 0.95, unit: 'streams' }] },
    'warning: 95 % of the limit of open streams is used',
  ],
  'a route that is off': [
    { routesOff: [{ method: 'GET', route: '/a', since: null, reason: null }] },
    'info: GET /a is switched off',
  ],
  'the refusals of a route that is off only as that': [
    {
      routesOff: [{ method: 'GET', route: '/a', since: null, reason: null }],
      traffic: trafficOf((count) => {
        requests(count, '/a', 503, 900, 'SWITCHED_OFF');
        requests(count, '/a', 200, 10);
        count('multilane_requests_shed_total', { reason: 'switched_off' }, 900);
      }),
    },
    'info: GET /a is switched off',
  ],
  'other errors of a route that is off, and refusals of a route that is on': [
    {
      routesOff: [{ method: 'GET', route: '/a', since: null, reason: null }],
      traffic: trafficOf((count) => {
        requests(count, '/a', 503, 900, 'SWITCHED_OFF');
        requests(count, '/a', 200, 6);
        requests(count, '/a', 500, 4, 'INTERNAL');
        requests(count, '/b', 503, 3, 'OVERLOADED');
      }),
    },
    'critical: 100 % of the requests of GET /b fail',
    'warning: 40 % of the requests of GET /a fail',
    'info: GET /a is switched off',
  ],
  'a service without a healthy instance': [
    { fleet: fleetOf({ orders: { unhealthy: 2 } }) },
    'critical: No instance of orders is healthy',
  ],
  'unhealthy and ejected instances': [
    { fleet: fleetOf({ orders: { healthy: 7, unhealthy: 1, ejected: 2 } }) },
    'warning: 1 of 10 instances of orders fails its health checks',
    'warning: 2 of 10 instances of orders are ejected',
  ],
  'breakers that are open, half-open or forced': [
    {
      fleet: fleetOf({ orders: { healthy: 3 } }, [
        { state: 'forced-open' },
        { state: 'open', since: 20_000, retryInMs: 2_100 },
        { state: 'half-open', permitted: 3, taken: 1, succeeded: 0 },
        { state: 'half-open', permitted: 3, taken: 0, succeeded: 0 },
      ]),
    },
    'warning: The breaker of orders (i1) is open',
    'warning: The breaker of orders (i2) is half-open',
    'info: The breaker of orders (i3) is half-open',
    'info: An operator holds the breaker of orders (i0) open',
  ],
  'a registry that cannot be reached': [
    { registryOutage: 'cannot be reached' },
    'warning: The shared registry cannot be reached',
  ],
  'retries that are not made': [
    {
      traffic: trafficOf((count) =>
        count('multilane_retry_budget_exhausted_total', { service: 'orders' }, 9),
      ),
    },
    'warning: Calls to orders are not repeated any more',
  ],
};

/** Counters of what the process could not report: each loss is a problem of its own. */
const LOSSES = Object.keys(METRICS).filter((name) => /^multilane_\w+_dropped_total$/.test(name));

describe('problems in words', () => {
  it('are none in a healthy process', () => {
    expect(shown({})).to.deep.equal([]);
  });

  for (const [name, [over, ...lines]] of Object.entries(CASES)) {
    it(`name ${name}`, () => {
      expect(shown(over)).to.deep.equal(lines);
    });
  }

  it('include every loss of logs, traces and metrics that a metric counts', () => {
    expect(LOSSES).to.have.length.of.at.least(3);
    for (const metric of LOSSES) {
      expect(shown({ traffic: trafficOf((count) => count(metric, {})) }), metric).to.have.length(1);
      expect(shown({ traffic: trafficOf((count) => count(metric, {}, 0)) }), metric).to.deep.equal([]);
    }
  });

  it('say since when a breaker is open, what it has seen, and when it tries again', () => {
    const traffic = trafficOf((count) => {
      count('http_client_request_duration_seconds', { server_address: 'orders' }, 10);
      count('http_client_request_duration_seconds', { server_address: 'orders', error_type: 'X' }, 20);
      const status = { http_response_status_code: '503' };
      count('http_client_request_duration_seconds', { server_address: 'orders', ...status }, 10);
    });
    const open: BreakerState = { state: 'open', since: 20_000, retryInMs: 2_100 };
    const [found] = problemsOf({ ...HEALTHY, traffic, fleet: fleetOf({}, [open]) });
    expect(found).to.deep.include({
      since: '2026-01-01T11:59:30.000Z',
      detail:
        'Calls to it are refused at once. It has opened because 12 of 20 calls failed or were too slow. 30 of 40 calls to orders in the last 10 s failed. It lets probes through in 3 s.',
    });
  });

  it('say of a half-open breaker what it waits for, and not that it refuses calls which none makes', () => {
    const halfOpen = (taken: number): BreakerState => ({
      ...{ state: 'half-open', permitted: 3, taken, succeeded: Math.max(0, taken - 1) },
    });
    const details = problemsOf({ ...HEALTHY, fleet: fleetOf({}, [halfOpen(0), halfOpen(2)]) });
    expect(details.map(({ severity, detail }) => [severity, detail])).to.deep.equal([
      [
        'warning',
        'It closes when 3 calls have succeeded: 2 made, 1 succeeded. Further calls are refused meanwhile.',
      ],
      ['info', 'It closes when 3 calls have succeeded; none has been made since it admits them.'],
    ]);
  });

  it('lead to a page where one can act, except for what no page of the dashboard changes', () => {
    const NO_PAGE = ['not-ready', 'labels'];
    const found = Object.values(CASES).flatMap(([over]) => problemsOf({ ...HEALTHY, ...over }));
    const onOverview = found.filter(({ page }) => page === '#/overview').map(({ id }) => id);
    expect([...new Set(onOverview)].sort()).to.deep.equal(NO_PAGE.toSorted());
  });

  it('have the address of a page only where there is a problem, however many routes and services there are', () => {
    const { URLSearchParams: original } = globalThis;
    let made = 0;
    globalThis.URLSearchParams = class extends original {
      constructor(...init: ConstructorParameters<typeof original>) {
        super(...init);
        made += 1;
      }
    };
    try {
      const traffic = trafficOf((count) => {
        for (let n = 0; n < 500; n++) requests(count, `/r${n}`, 200, 9);
        requests(count, '/r7', 500, 9);
      });
      const services = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`s${n}`, { healthy: 2 }]));
      const found = problemsOf({ ...HEALTHY, traffic, fleet: fleetOf({ ...services, s7: { ejected: 1 } }) });
      expect(found.map(({ id }) => id)).to.deep.equal(['errors:GET /r7', 'ejected:s7']);
      expect(made).to.equal(2);
    } finally {
      globalThis.URLSearchParams = original;
    }
  });

  it('are looked for in the routes that have failed, and not in all of ten thousand', () => {
    const traffic = trafficOf((count) => {
      for (let n = 0; n < 50; n++) requests(count, `/r${n}`, 200, 9);
      for (const route of ['/r7', '/r9']) requests(count, route, 500, 9);
    });
    traffic.routes = () => expect.fail('all routes are looked at in one turn of the event loop');
    const found = problemsOf({ ...HEALTHY, traffic });
    expect(found.map(({ id }) => id)).to.deep.equal(['errors:GET /r7', 'errors:GET /r9']);
    expect([...traffic.failedRoutes()]).to.have.length(2);
  });

  it('say of a worker that is blocked in a handler that it is, also when its route is not known', () => {
    const detailOf = (current: ProblemFacts['workers'][number]['current']): string =>
      problemsOf({ ...HEALTHY, workers: [worker(), worker({ id: 2, state: 'stalled', current })] })[0]!
        .detail;
    expect(detailOf({ route: '/slow', sinceMs: 1_200 })).to.include('blocked in /slow for 1200 ms.');
    expect(detailOf({ route: null, sinceMs: 1_200 })).to.match(/blocked in a handler .* for 1200 ms\./);
    expect(detailOf(null)).to.include('blocked outside of a handler.');
  });

  it('name one worker as one, and lead to the route that has stalled', () => {
    const first = (over: Partial<ProblemFacts>) => problemsOf({ ...HEALTHY, ...over })[0]!;
    const busy = [1, 2].map((id) => worker({ id, loopUtilization: 0.99 }));
    expect(first({ workers: [busy[0]!] }).detail).to.match(/^Worker 1 has no time left/);
    expect(first({ workers: busy }).detail).to.match(/^Workers 1, 2 have no time left/);
    const pageOf = (...methods: string[]): string => {
      const traffic = trafficOf((count) => {
        count('multilane_handler_stalls_total', { route: '/a/{id}' });
        for (const method of methods)
          count('http_server_request_duration_seconds', {
            ...{ http_request_method: method, http_route: '/a/{id}', http_response_status_code: '200' },
          });
      });
      return first({ traffic }).page;
    };
    expect(pageOf('GET')).to.equal('#/route?method=GET&route=%2Fa%2F%7Bid%7D');
    expect(pageOf('GET', 'PUT')).to.equal('#/routes?search=%2Fa%2F%7Bid%7D');
    expect(pageOf()).to.equal('#/routes?search=%2Fa%2F%7Bid%7D');
  });

  it('blame no code for a stall in which no handler was interrupted', () => {
    const traffic = trafficOf((count) => count('multilane_handler_stalls_total', { route: '' }));
    const [found] = problemsOf({ ...HEALTHY, traffic });
    // docs/cluster.md: a turn of many short requests is not interrupted, and each of them is in a handler.
    expect(found!.detail).to.include('or many short requests in one turn');
    expect(found!.page).to.equal('#/workers');
  });

  it('name instances', () => {
    const [found] = problemsOf({ ...HEALTHY, fleet: fleetOf({ orders: { healthy: 7, ejected: 4 } }) });
    expect(found!.detail).to.match(/ a, b and 2 more\.$/);
  });

  it('have ids of their own, and the most important ones come first when there are too many', () => {
    const services = Object.fromEntries(
      Array.from({ length: 300 }, (_, n) => [
        `s${n}`,
        n % 2 === 0 ? { unhealthy: 1 } : { ejected: 1, healthy: 1 },
      ]),
    );
    const routesOff = Array.from({ length: 300 }, (_, n) => ({
      ...{ method: 'GET', route: `/${n}`, since: null, reason: null },
    }));
    const found = problemsOf({ ...HEALTHY, fleet: fleetOf(services), routesOff, sagas: 1 });
    expect(found).to.have.length(MOST_PROBLEMS);
    expect(new Set(found.map(({ id }) => id))).to.have.length(MOST_PROBLEMS);
    expect(found[0]!.id).to.equal('sagas');
    const order = ['critical', 'warning', 'info'];
    const severities = found.map(({ severity }) => order.indexOf(severity));
    expect(severities).to.deep.equal([...severities].sort((a, b) => a - b));
  });
});
