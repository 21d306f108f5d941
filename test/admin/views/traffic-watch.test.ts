import { readFileSync } from 'node:fs';
import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { callsGraph } from '#src/admin/views/calls-graph.js';
import { RouteCandidates } from '#src/admin/views/route-candidates.js';
import { RouteList, type RouteOrder, routeHistogram } from '#src/admin/views/route-list.js';
import { servedBy, serviceList } from '#src/admin/views/service-list.js';
import type { Traffic } from '#src/admin/views/traffic.js';
import { READ_EVERY_MS, SAMPLE_EVERY_MS, TrafficWatch } from '#src/admin/views/traffic-watch.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';

const FIRST = { limit: 100, after: undefined };
const KNOWN = [
  { service: 'users', method: 'GET', route: '/api/users/{id}', state: 'on' as const },
  { service: 'orders', method: 'GET', route: '/api/orders', state: 'off' as const },
];

function setUp() {
  const memory = new SeriesMemory();
  const table = new SeriesTable(memory.of(1));
  const time = { now: 1_000 };
  const timers: { readonly work: () => void; readonly at: number }[] = [];
  const refused = { queue: 3 };
  const watch = new TrafficWatch({
    memory,
    totals: () => ({ multilane_cpu_tasks_refused_total: refused }),
    rest: () => undefined,
    clock: () => time.now,
    later: (work, ms) => {
      const timer = { work, at: time.now + ms };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer), 1);
    },
  });
  /** Lets time pass, and what is due run. */
  const pass = async (ms: number): Promise<void> => {
    for (const end = time.now + ms; time.now < end; ) {
      await settled();
      time.now = Math.min(end, timers[0]?.at ?? end);
      for (const due of timers.filter(({ at }) => at <= time.now)) {
        timers.splice(timers.indexOf(due), 1);
        due.work();
      }
    }
    await settled();
  };
  const request = (route: string, status: number, us: number, method = 'GET'): void =>
    table
      .histogram('http_server_request_duration_seconds', {
        ...{ http_request_method: method, http_route: route, http_response_status_code: String(status) },
        url_scheme: 'http',
      })
      .record(us);
  const call = (from: string, to: string, target: 'own' | 'remote', outcome = 'ok'): void =>
    table.counter('multilane_calls_total', { from, to, target, outcome }).add();
  return { table, watch, time, timers, pass, request, call, refused };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Looks, and lets the half second pass that the first window takes. */
async function measured({ watch, pass }: ReturnType<typeof setUp>, meanwhile = () => {}): Promise<Traffic> {
  await watch.lookAtOnce();
  const looked = watch.look();
  meanwhile();
  await pass(500);
  return looked;
}

const IN_FLIGHT = new Map([['GET /api/users/{id}', 3]]);
const sources = {
  candidates: new RouteCandidates(() => KNOWN),
  cpuShares: undefined,
  dataPlane: () => 'http://127.0.0.1:8080',
};

describe('the watch of traffic', () => {
  it('reads every second while a client looks, and every 15 s otherwise', async () => {
    const test = setUp();
    const due = (): number => test.timers[0]!.at - test.time.now;
    test.watch.begin();
    await settled();
    expect([test.watch.isLookedAt, test.timers.length, due()]).to.deep.equal([false, 1, SAMPLE_EVERY_MS]);
    await measured(test);
    expect([test.watch.isLookedAt, test.timers.length, due()]).to.deep.equal([true, 1, READ_EVERY_MS]);
    await test.pass(17_000);
    expect([test.watch.isLookedAt, test.timers.length]).to.deep.equal([false, 1]);
    expect(due()).to.be.above(READ_EVERY_MS);
  });

  for (const pauseMs of [1_000, 16_000, 20_000, 29_900, 30_100, 600_000])
    it(`shows the last seconds to a client that looks once, after ${pauseMs} ms`, async () => {
      const test = setUp();
      test.watch.begin();
      await settled();
      // One request every half second, which fails.
      for (let at = 0; at < pauseMs; at += 500) {
        test.request('/a', 500, 1_000);
        await test.pass(Math.min(500, pauseMs - at));
      }
      const begun = await test.watch.lookAtOnce();
      const { requests, errors, windowS } = await test.watch.look();
      expect(begun.windowS).to.equal(windowS);
      expect(windowS).to.be.within(Math.min(pauseMs, 15_000) / 1000, 30);
      expect(requests.count.total).to.equal(Math.ceil(pauseMs / 500));
      expect(errors.recent).to.be.within(Math.floor(windowS * 2) - 1, Math.ceil(windowS * 2) + 1);
      await test.pass(14_000);
      expect((await test.watch.look()).windowS, 'the window is short again').to.be.within(9, 11);
    });

  it('has what is no series as well, for a client that looks once', async () => {
    const { watch, pass, refused } = setUp();
    const counts = async () => [...(await watch.look()).counts('multilane_cpu_tasks_refused_total')];
    watch.begin();
    await pass(20_000);
    refused.queue += 4;
    await pass(3_000);
    expect((await counts()).map(([reason, { recent, total }]) => [reason, recent, total])).to.deep.equal([
      ['queue', 4, 7],
    ]);
    await pass(30_000);
    expect((await counts()).map(([, { recent }]) => recent)).to.deep.equal([0]);
  });

  it('waits half a second for a window when nothing was read before', async () => {
    const test = setUp();
    for (let n = 0; n < 50; n++) test.request('/a', 200, 1_000);
    const traffic = await test.watch.lookAtOnce();
    expect([traffic.requests.count.total, traffic.requests.count.recent]).to.deep.equal([50, 0]);
    expect(traffic.windowS).to.equal(0);
    const looked = test.watch.look();
    await test.pass(500);
    expect((await looked).windowS).to.equal(0.5);
  });

  it('starts again after a reading has failed, and passes the failure on', async () => {
    const memory = {
      all: () => {
        throw new Error('torn');
      },
    };
    const watch = new TrafficWatch({ memory, rest: () => undefined });
    const failure = await watch.look().then(
      () => undefined,
      (error: Error) => error.message,
    );
    expect(failure).to.equal('torn');
    expect(watch.isLookedAt).to.equal(false);
  });
});

describe('the list of routes', () => {
  it('has rates, errors and quantiles of the window, and totals since the start', async () => {
    const test = setUp();
    for (let n = 0; n < 100; n++) test.request('/api/users/{id}', 200, 900_000);
    const traffic = await measured(test, () => {
      for (let n = 0; n < 9; n++) test.request('/api/users/{id}', 200, 10_000);
      test.request('/api/users/{id}', 503, 50_000);
    });
    const [first, second] = (await new RouteList(sources).page(traffic, IN_FLIGHT, FIRST)).items;
    expect(first).to.deep.include({
      ...{ method: 'GET', route: '/api/users/{id}', service: 'users', requests: 110, errors: 1 },
      ...{ perSecond: 20, errorsPerSecond: 2, p50Ms: 10, p99Ms: 50, maxMs: 50, inFlight: 3, off: false },
      ...{ cpuRatio: null, docs: 'http://127.0.0.1:8080/docs#/users/get_api_users_id' },
    });
    // A route without a request is listed, too.
    expect(second).to.deep.include({ route: '/api/orders', requests: 0, p50Ms: null, off: true });
  });

  it('counts the gRPC statuses as errors of which the alert says that they are', async () => {
    const rules = readFileSync('deploy/prometheus/multilane-alerts.yml', 'utf8');
    const faults = /rpc_response_status_code=~"([A-Z_|]+)"/.exec(rules)![1]!.split('|');
    const names = Object.keys(status).filter((name) => /^[A-Z_]+$/.test(name));
    expect(names).to.include.members(['OK', ...faults]);
    const test = setUp();
    const traffic = await measured(test, () => {
      for (const name of names) {
        const labels = { rpc_method: `s/${name}`, rpc_response_status_code: name };
        test.table.histogram('rpc_server_call_duration_seconds', labels).record(10_000);
      }
    });
    const list = new RouteList({ ...sources, candidates: new RouteCandidates(() => []) });
    const { items } = await list.page(traffic, new Map(), FIRST);
    expect(items).to.have.length(names.length);
    const failed = items.filter(({ errors }) => errors === 1).map(({ route }) => route.replace('/s/', ''));
    expect(failed).to.have.members(faults);
  });

  it('has a histogram of each route, by the path as it was declared as well', async () => {
    const test = setUp();
    const traffic = await measured(test, () => test.request('/api/users/{id}', 503, 50_000));
    const declared = { '/api/users/:id': '/api/users/{id}', '/api/orders': '/api/orders' };
    const read = (route: string, method = 'GET') =>
      routeHistogram(traffic, method, route, (_method, path) =>
        method === 'GET' ? new Map(Object.entries(declared)).get(path) : undefined,
      );
    for (const route of ['/api/users/{id}', '/api/users/:id']) {
      expect(read(route)).to.deep.include({ route: '/api/users/{id}', statuses: { 503: 1 } });
      expect(read(route).total.reduce((sum, n) => sum + n, 0)).to.equal(1);
    }
    // No request yet is not the same as no such route.
    const none = read('/api/orders');
    expect([none.statuses, none.total.length, Math.max(...none.total, ...none.window)]).to.deep.equal([
      {},
      none.edgesMs.length + 1,
      0,
    ]);
    expect(() => read('/api/users/:name')).to.throw('No worker has a route GET /api/users/:name');
    expect(() => read('/api/users/:id', 'PUT')).to.throw('No worker has a route PUT');
  });

  it('is read page by page, without a route twice, and may be searched', async () => {
    const test = setUp();
    const traffic = await measured(test, () => {
      for (let route = 0; route < 25; route++)
        for (let n = 0; n <= route % 5; n++) test.request(`/r${route}`, 200, 5);
    });
    const list = new RouteList({ ...sources, candidates: new RouteCandidates(() => []) });
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const after = cursor === null ? undefined : JSON.parse(Buffer.from(cursor, 'base64url').toString());
      const page = await list.page(traffic, IN_FLIGHT, { limit: 7, after });
      seen.push(...page.items.map(({ route }) => route));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(seen).to.have.length(25);
    expect(new Set(seen)).to.have.length(25);
    expect(seen[0]).to.equal('/r14');
    const { items } = await new RouteList(sources).page(traffic, IN_FLIGHT, FIRST, 'get /API/us');
    expect(items.map(({ route }) => route)).to.deep.equal(['/api/users/{id}']);
  });

  it('shows no number where none is known', async () => {
    const test = setUp();
    const traffic = await measured(test, () => {
      for (const route of ['/api/users/{id}', '/internal', '']) test.request(route, 200, 1_000);
      test.request('/api/orders', 200, 1_000, 'HEAD');
    });
    const inFlight = new Map([['GET /api/users/{id}', null]]);
    const shown = async (areAll: boolean) => {
      const cpuShares = () => ({ shares: [{ route: 'GET /internal', ratio: 0.5 }], areAll });
      const { items } = await new RouteList({ ...sources, cpuShares }).page(traffic, inFlight, FIRST);
      return Object.fromEntries(
        items.map((one) => [`${one.method} ${one.route}`, [one.inFlight, one.cpuRatio]]),
      );
    };
    expect(await shown(true)).to.deep.equal({
      ...{ 'GET /api/users/{id}': [null, 0], 'GET /api/orders': [0, 0], 'HEAD /api/orders': [null, 0] },
      ...{ 'GET /internal': [null, 0.5], 'GET ': [null, 0] },
    });
    const withOthers = await shown(false);
    expect(withOthers['GET /api/orders']).to.deep.equal([0, null]);
    expect(withOthers['GET /internal']).to.deep.equal([null, 0.5]);
  });

  it('has the requests in flight of a gRPC method as those of any route of a service', async () => {
    const rpc = { service: 'orders', method: 'GRPC', route: '/shop.Orders/Get', state: 'on' as const };
    const candidates = new RouteCandidates(() => [rpc]);
    const traffic = await measured(setUp());
    for (const inFlight of [0, 6]) {
      const counted = new Map(inFlight === 0 ? [] : [['GRPC /shop.Orders/Get', inFlight]]);
      const { items } = await new RouteList({ ...sources, candidates }).page(traffic, counted, FIRST);
      expect(items.map((one) => [one.method, one.inFlight])).to.deep.equal([['GRPC', inFlight]]);
    }
  });

  it('is sorted by what is asked for, also by stalls of routes that are idle now', async () => {
    const test = setUp();
    test.request('/idle', 200, 5);
    test.table.counter('multilane_handler_stalls_total', { route: '/idle' }).add(2);
    const traffic = await measured(test, () => {
      for (let n = 0; n < 9; n++) test.request('/busy', 200, 1_000);
      for (let n = 0; n < 3; n++) test.request('/failing', 500, 2_000);
      test.request('/slow', 200, 90_000);
    });
    const cpuShares = () => ({ shares: [{ route: 'GET /slow', ratio: 0.5 }], areAll: true });
    const list = new RouteList({ ...sources, cpuShares, candidates: new RouteCandidates(() => []) });
    const first: string[] = [];
    for (const by of [undefined, 'busy', 'errors', 'p99', 'stalls', 'cpu'] satisfies (
      | RouteOrder
      | undefined
    )[])
      first.push((await list.page(traffic, IN_FLIGHT, FIRST, '', by)).items[0]!.route);
    expect(first).to.deep.equal(['/busy', '/busy', '/failing', '/slow', '/idle', '/slow']);
    const after = (cursor: string | null) => JSON.parse(Buffer.from(cursor!, 'base64url').toString());
    const seen: string[] = [];
    for (let page = await list.page(traffic, IN_FLIGHT, { limit: 1, after: undefined }, '', 'p99'); ; ) {
      seen.push(...page.items.map(({ route }) => route));
      if (page.nextCursor === null) break;
      page = await list.page(traffic, IN_FLIGHT, { limit: 1, after: after(page.nextCursor) }, '', 'p99');
    }
    expect(seen).to.deep.equal(['/slow', '/failing', '/busy', '/idle']);
  });
});

describe('the services and who calls them', () => {
  const servicesOf = async (traffic: Traffic) => ({
    mounted: new Set(['users', 'orders']),
    served: await servedBy(await sources.candidates.of(traffic)),
  });

  it('are known from calls, with clients in front and databases behind', async () => {
    const test = setUp();
    const traffic = await measured(test, () => {
      // Ten requests of clients to users, each of which calls orders in this process; one fails.
      for (let n = 0; n < 10; n++) {
        test.request('/api/users/{id}', 200, 1_000);
        test.request('/api/orders', n === 0 ? 503 : 200, 1_000);
        test.call('users', 'orders', 'own', n === 0 ? 'error' : 'ok');
        test.table
          .histogram('db_client_operation_duration_seconds', { db_namespace: 'orders' })
          .record(2_000);
      }
      test.call('_gateway', 'mailer', 'remote');
      test.request('/svc/{service}/*', 200, 9_000);
    });
    const { nodes, edges } = await callsGraph(traffic, await servicesOf(traffic));
    const p99 = new Map(edges.map(({ from, to, p99Ms }) => [`${from} ${to}`, p99Ms]));
    expect(['Clients users', 'Clients Gateway'].map((edge) => p99.get(edge))).to.deep.equal([1, 9]);
    const shown = edges.map(({ from, to, perSecond, errors, total }) => [from, to, perSecond, total, errors]);
    expect(shown).to.have.deep.members([
      ['users', 'orders', 20, 10, 1],
      ['Clients', 'users', 20, 10, 0],
      ['orders', 'orders database', 20, 10, 0],
      ['Gateway', 'mailer', 2, 1, 0],
      ['Clients', 'Gateway', 2, 1, 0],
    ]);
    expect(nodes).to.have.deep.members([
      { name: 'users', kind: 'service' },
      { name: 'orders', kind: 'service' },
      { name: 'mailer', kind: 'service' },
      { name: 'Clients', kind: 'client' },
      { name: 'Gateway', kind: 'gateway' },
      { name: 'orders database', kind: 'database' },
    ]);
  });

  it('count a call as failed when its response is a fault of the server, or there is none', async () => {
    const test = setUp();
    const traffic = await measured(test, () => {
      const http = (http_response_status_code: string, error_type: string) =>
        ['http_client_request_duration_seconds', { http_response_status_code, error_type }] as const;
      const rpc = (rpc_response_status_code: string, error_type: string) =>
        ['rpc_client_call_duration_seconds', { rpc_response_status_code, error_type }] as const;
      const failed = [http('500', ''), http('', 'BAD_UPSTREAM'), rpc('INTERNAL', 'INTERNAL')];
      const others = [http('200', ''), http('404', ''), http('', 'HedgeLost'), rpc('OK', '')];
      for (const [metric, labels] of [...failed, ...others, rpc('NOT_FOUND', 'NOT_FOUND')])
        test.table.histogram(metric, { ...labels, server_address: 'mailer' }).record(1_000);
    });
    const { durations, errors } = traffic.callsTo('mailer')!;
    expect([durations.count.recent, errors.recent]).to.deep.equal([8, 3]);
    const fleet = {
      services: new Map([['mailer', { states: {}, instances: 1, named: {} }]]),
      ...{ notable: [], notableCount: 0 },
    };
    expect(serviceList(traffic, fleet, await servicesOf(traffic), FIRST).items[0]).to.include({
      errorsPerSecond: 6,
    });
  });

  it('are listed page by page', async () => {
    const traffic = await measured(setUp());
    const names = Array.from({ length: 25 }, (_, n) => `s${n}`);
    const one = { states: {}, instances: 0, named: {} };
    const fleet = { services: new Map(names.map((name) => [name, one])), notable: [], notableCount: 0 };
    const alone = { mounted: new Set<string>(), served: new Map() };
    const first = serviceList(traffic, fleet, alone, { limit: 20, after: undefined });
    const after = JSON.parse(Buffer.from(first.nextCursor!, 'base64url').toString());
    const second = serviceList(traffic, fleet, alone, { limit: 20, after });
    expect(second.nextCursor).to.equal(null);
    const seen = [...first.items, ...second.items].map(({ service }) => service);
    expect(seen).to.deep.equal([...names].sort());
  });

  it('are listed with the states of their instances', async () => {
    const test = setUp();
    const traffic = await measured(test, () => test.request('/api/users/{id}', 500, 1_000));
    const fleet = {
      services: new Map([['mailer', { states: { healthy: 2, ejected: 1 }, instances: 3, named: {} }]]),
      notable: [],
      notableCount: 0,
    };
    expect(serviceList(traffic, fleet, await servicesOf(traffic), FIRST).items).to.deep.equal([
      {
        ...{ service: 'mailer', local: false, states: { healthy: 2, ejected: 1 }, instances: 3 },
        ...{ perSecond: 0, errorsPerSecond: 0 },
      },
      { service: 'orders', local: true, states: {}, instances: 0, perSecond: 0, errorsPerSecond: 0 },
      { service: 'users', local: true, states: {}, instances: 0, perSecond: 2, errorsPerSecond: 2 },
    ]);
  });
});
