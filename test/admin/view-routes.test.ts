// The views as routes, made from sources that their test sets.
import { expect } from 'chai';
import { Views, viewRoutes, viewTopics } from '#src/admin/view-routes.js';
import type { Fleet } from '#src/admin/views/fleet.js';
import type { SaturationFacts } from '#src/admin/views/saturation.js';
import { FIRST_WINDOW_MS, TrafficWatch } from '#src/admin/views/traffic-watch.js';
import type { ViewSources } from '#src/admin/views/view-sources.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { adminOf, jsonOf } from '../upstream/admin.js';

const NOTHING = { used: 0, limit: 100 };
const PROCESS = { service: 'shop', version: '1.2.3', pid: 42, node: 'v20', host: 'h', folder: '/shop' };
const WORKER = {
  ...{ id: 1, kind: 'http' as const, generation: 1, state: 'ready', connections: 0, inFlight: 0 },
  ...{ requests: 0, loopUtilization: 0.1, loopDelayP99Ms: 1, heapUsedMb: 10, current: null },
  startedAt: '2026-01-01T00:00:00.000Z',
};

const SATURATION: SaturationFacts = {
  ...{ inFlight: { used: 7, limit: 100 }, workers: [], heapLimitBytes: undefined, connections: NOTHING },
  ...{ cpuThreads: NOTHING, cpuQueue: NOTHING, mostDatabaseConnections: 0 },
  ...{ pendingBodies: NOTHING, bufferedBodies: NOTHING, openStreams: NOTHING },
};

function setUp(over: Partial<ViewSources> = {}) {
  const memory = new SeriesMemory();
  const looks = { fleet: 0, sagas: 0 };
  const fleet: Fleet = {
    services: new Map([['orders', { states: { healthy: 2 }, instances: 2, named: {} }]]),
    notable: [
      {
        ...{ service: 'orders', instance: 'a', slot: 3, tripped: undefined },
        breaker: { state: 'forced-open' },
      },
    ],
    notableCount: 250,
  };
  const sources: ViewSources = {
    traffic: new TrafficWatch({
      memory,
      rest: () => undefined,
      later: (work, ms) => {
        if (ms <= FIRST_WINDOW_MS) setImmediate(work);
        return () => undefined;
      },
    }),
    process: { ...PROCESS, startedMs: 0 },
    uptimeS: () => 12.7,
    wallClock: () => 12_700,
    clock: () => 12_700,
    readiness: () => ({ ready: true, reasons: [] }),
    workers: () => [WORKER],
    statuses: () => [{ kind: 'http', isServing: true }],
    saturation: () => SATURATION,
    async lookAtFleet() {
      looks.fleet += 1;
      return fleet;
    },
    breakers: { transitions: () => ({ open: 1, halfOpen: 0, closed: 0 }) },
    database: () => ({ held: 0, most: 0 }),
    cpu: {
      ...{ liveThreads: 1, threads: 2, running: 1, queueLength: 3, queueLimit: 64, recentUtilization: 0.5 },
      ...{ refused: { queue: 0 }, unfinished: [] },
    },
    cpuShares: () => ({ shares: [{ route: 'GET /a', ratio: 0.25 }], areAll: true }),
    registryOutage: () => undefined,
    routes: () => [{ service: 'shop', method: 'GET', route: '/a', state: 'on', since: null, reason: null }],
    templateOf: (_method, route) => (route === '/a' ? route : undefined),
    routesInFlight: async () => new Map([['GET /a', 2]]),
    logLevel: () => ({ level: 'info', setting: 'info', since: null, reason: null }),
    async countSagas(most) {
      looks.sagas += 1;
      return most + 0;
    },
    mounted: new Set(['shop']),
    dataPlane: () => 'http://127.0.0.1:8080',
    settings: [
      { name: 'PORT', value: '8080', source: 'default', default: '8080', unit: null, meaning: 'a port' },
    ],
    ...over,
  };
  const views = new Views(sources);
  const { ask, refusalOf } = adminOf(viewRoutes(sources, views));
  const read = async (path: string): Promise<object> => jsonOf(await ask('GET', path)) as object;
  const topics = viewTopics(sources, views, (totalsBy) => ({
    shed: totalsBy('multilane_requests_shed_total', 'reason'),
  }));
  return { read, refusalOf, topics, looks, table: new SeriesTable(memory.of(1)) };
}

/** Sagas that are counted at most once in five seconds of a clock. */
function withSagas(clock: () => number, countSagas: () => number) {
  const { read, topics } = setUp({ clock, countSagas: async () => countSagas() });
  return {
    /** The problems that a look finds. */
    idsOf: async (by: 'route' | 'topic'): Promise<string[]> => {
      const seen = by === 'route' ? await read('/overview') : await topics.overview!(true);
      return (seen as { problems: { id: string }[] }).problems.map(({ id }) => id);
    },
  };
}

describe('the routes of views', () => {
  it('show the process, what is used of its limits, and its problems', async () => {
    const { read, looks } = setUp();
    const overview = await read('/overview');
    expect(overview).to.deep.include({
      at: '1970-01-01T00:00:12.700Z',
      process: {
        ...PROCESS,
        ...{ uptimeS: 12, startedAt: '1970-01-01T00:00:00.000Z', ready: true, reasons: [] },
      },
      requests: { perSecond: 0, errorsPerSecond: 0, inFlight: 7, total: 0, errors: 0 },
      latencyMs: { p50: null, p90: null, p99: null, max: null },
    });
    const { problems } = overview as { problems: { id: string }[] };
    expect(problems.map(({ id }) => id)).to.deep.equal(['sagas', 'breaker-forced:orders:a']);
    await read('/overview');
    // The count of sagas and the look at all instances are shared for a while.
    expect(looks).to.deep.equal({ fleet: 1, sagas: 1 });
  });

  it('show no start in the future when the clock was set back', async () => {
    const { read } = setUp({ wallClock: () => -100_000, uptimeS: () => 12 });
    expect(await read('/overview')).to.deep.nested.include({
      'process.startedAt': '1969-12-31T23:58:08.000Z',
    });
  });

  it('wait for no database that does not respond', async () => {
    const { read } = setUp({ countSagas: () => new Promise(() => undefined) });
    const { problems } = (await read('/overview')) as { problems: { id: string }[] };
    expect(problems.map(({ id }) => id)).to.have.members(['breaker-forced:orders:a', 'sagas-unknown']);
  });

  it('count the sagas anew for the first look after a pause', async () => {
    let [now, sagas] = [0, 3];
    const { idsOf } = withSagas(
      () => now,
      () => sagas,
    );
    expect(await idsOf('route')).to.include('sagas');
    [now, sagas] = [16_000, 0];
    expect(await idsOf('route')).not.to.include('sagas');
    [now, sagas] = [32_000, 1];
    expect(await idsOf('topic')).to.include('sagas');
  });

  it('count no idle database connection as used', async () => {
    const { read, table } = setUp({ saturation: () => ({ ...SATURATION, mostDatabaseConnections: 16 }) });
    table.gauge('db_client_connections', { state: 'idle', pool: 'a' }).set(14);
    table.gauge('db_client_connections', { state: 'used', pool: 'a' }).set(1);
    table.gauge('db_client_connections', { state: 'used', pool: 'b' }).set(3);
    const { saturation } = (await read('/overview')) as { saturation: { name: string }[] };
    expect(saturation.find(({ name }) => name === 'database connections')).to.deep.include({
      used: 4,
      limit: 16,
      ratio: 0.25,
    });
  });

  it('show the CPU pool with its tasks, and the shares of routes', async () => {
    const { read, table } = setUp();
    const labels = { service: 'shop', task: 'fib' };
    const tasks = 'multilane_cpu_task_duration_seconds';
    table.histogram(tasks, { ...labels, outcome: 'ok' }).record(10_000);
    table.histogram(tasks, { ...labels, outcome: 'error' }).record(10_000);
    table.histogram(tasks, { ...labels, outcome: 'leftover' }).record(10_000);
    expect(await read('/cpu')).to.deep.equal({
      ...{ threads: 1, maxThreads: 2, busy: 1, queued: 3, queueLimit: 64, utilization: 0.5 },
      refused: { queue: 0 },
      tasks: [{ ...labels, runs: 2, failed: 1, p50Ms: 10, p99Ms: 10 }],
      shares: [{ route: 'GET /a', ratio: 0.25 }],
    });
    const { items } = (await read('/routes')) as { items: object[] };
    expect(items[0]).to.include({ method: 'GET', route: '/a', cpuRatio: 0.25, inFlight: 2 });
  });

  it('show how many database connections are in effect where the setting says nothing', async () => {
    const setting = { source: 'default', default: 'two of each', unit: null, meaning: 'connections' };
    const settings = [
      { name: 'DATABASE_POOL_MAX', value: null, ...setting },
      { name: 'DATABASE_URL', value: null, ...setting },
    ];
    const { read } = setUp({ settings, database: () => ({ held: 1, most: 16 }) });
    const { items } = (await read('/settings')) as { items: { value: string | null }[] };
    expect(items.map(({ value }) => value)).to.deep.equal(['16', null]);
  });

  it('show the settings, and refuse a histogram of a route that does not exist', async () => {
    const { read, refusalOf } = setUp();
    expect(await read('/settings')).to.deep.nested.include({ 'items[0].name': 'PORT' });
    expect((await refusalOf('GET', '/routes/histogram?method=GET&route=/none')).code).to.equal('NOT_FOUND');
    expect(await read('/routes/histogram?route=/a')).to.deep.include({ route: '/a', statuses: {} });
    expect((await refusalOf('GET', '/services?cursor=WzFd')).code).to.equal('BAD_CURSOR');
    for (const sort of ['', 'requests', 'toString'])
      expect((await refusalOf('GET', `/routes?sort=${sort}`)).code, sort).to.equal('VALIDATION_FAILED');
    expect(await read('/routes?sort=stalls')).to.deep.nested.include({ 'items[0].route': '/a' });
  });
});

describe('the topics of views', () => {
  it('have the values of the routes, the first one at once', async () => {
    const { topics, table } = setUp();
    table.counter('multilane_requests_shed_total', { reason: 'overload' }).add(3);
    const first = (await topics.overview!(true)) as { windowS: number };
    expect(first.windowS).to.equal(0);
    expect(await topics.limits!(false)).to.deep.equal({ shed: { overload: 3 } });
    expect(await topics.breakers!(false)).to.deep.include({ total: 250, nextCursor: null });
    expect(await topics.workers!(false)).to.deep.equal([WORKER]);
    for (const topic of ['routes', 'services', 'calls', 'cpu'])
      expect(await topics[topic]!(false), topic).to.be.an('object');
  });
});
