import { expect } from 'chai';
import fc from 'fast-check';
import { WindowClock } from '#src/admin/views/sliding-window.js';
import { Traffic } from '#src/admin/views/traffic.js';
import { STATUS_NUMBERS } from '#src/grpc/status.js';
import { Block } from '#src/memory/block.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { gatherFamilies, sharedMemorySource } from '#src/telemetry/metric-families.js';
import { isMetricName, objectionTo } from '#src/telemetry/metric-names.js';
import { METRICS } from '#src/telemetry/metric-table.js';
import { metricsJson } from '#src/telemetry/metrics-json.js';
import { turnsOf } from './turns.js';

const DURATION = 'http_server_request_duration_seconds';
const labels = (route: string, status: number) => ({
  http_request_method: 'GET',
  http_route: route,
  http_response_status_code: String(status),
  url_scheme: 'http',
});
const http = (name: string, status: string) => [DURATION, labels(`/${name}`, Number(status))] as const;
const rpc = (name: string, status: string) =>
  [
    'rpc_server_call_duration_seconds',
    { rpc_system_name: 'grpc', rpc_method: name, rpc_response_status_code: status },
  ] as const;

const ROUTES = 40;

describe('the table of metrics', () => {
  it('has names by the rules of Prometheus: a base unit, and _total on counters only', () => {
    for (const [name, { kind }] of Object.entries(METRICS)) {
      expect(isMetricName(name, kind), name).to.equal(true);
      expect(objectionTo(name, kind), name).to.equal(undefined);
      expect(name.endsWith('_total'), name).to.equal(kind === 'counter');
      expect(name.endsWith('_seconds'), name).to.equal(kind === 'histogram');
    }
  });

  it('never has the labels instance and job, which the scraping server sets', () => {
    for (const [name, { labels: own }] of Object.entries(METRICS)) {
      expect(own, name).to.not.include.members(['instance']);
      expect(own, name).to.not.include.members(['job']);
    }
  });
});

describe('metrics.json', () => {
  it('contains requests, errors and response times of all workers', async () => {
    const block = Block.create({ workers: 2 });
    const memory = new SeriesMemory();
    const [first, second] = [new SeriesTable(memory.of(1)), new SeriesTable(memory.of(2))];
    const users = first.histogram(DURATION, labels('/api/users/{id}', 200));
    for (let count = 0; count < 98; count++) users.record(5_000);
    second.histogram(DURATION, labels('/api/users/{id}', 500)).record(1_000_000);
    second.histogram(DURATION, labels('/health', 404)).record(100_000);
    const json = await metricsJson([sharedMemorySource(block, memory)]);
    expect(json).to.include({ request_count: 100, error_count: 1, active_requests: 0 });
    expect(json.response_time_ms).to.deep.equal({ p50: 5, p90: 5, p99: 100, max: 1000 });
    expect(json.routes).to.have.length(2);
    expect(json.routes[0]).to.include({ route: '/api/users/{id}', request_count: 99, error_count: 1 });
  });

  it('has the requests and errors that the views of the admin plane have, of every protocol', async () => {
    const statuses = fc.constantFrom(...Object.keys(STATUS_NUMBERS), '200', '404', '499', '500', '503');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.constantFrom('a', 'b'), statuses)), async (requests) => {
        const memory = new SeriesMemory();
        const table = new SeriesTable(memory.of(1));
        const traffic = new Traffic(new WindowClock());
        for (const [name, status] of requests) {
          const [metric, own] = Number(status) > 0 ? http(name, status) : rpc(name, status);
          table.histogram(metric, own).record(1_000);
          traffic.follow(metric, own)?.recorded?.(1, 1);
        }
        const json = await metricsJson([sharedMemorySource(Block.create({ workers: 1 }), memory)]);
        const { requests: all, errors } = traffic;
        expect([json.request_count, json.error_count]).to.deep.equal([all.count.total, errors.total]);
        const byRoute = [...traffic.routes().values()].map((seen) => [
          ...[seen.method, seen.route, seen.durations.count.total, seen.errors.total],
        ]);
        const shown = json.routes.map((one) => [
          ...[one.method, one.route, one.request_count, one.error_count],
        ]);
        expect(shown).to.have.deep.members(byRoute);
      }),
      { numRuns: 50 },
    );
  });

  it('contains the duration of the longest request of all workers, and no quantile above it', async () => {
    const durations = fc.array(fc.tuple(fc.integer({ min: 1, max: 2 }), fc.nat(2 ** 40)), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(durations, async (requests) => {
        const memory = new SeriesMemory();
        for (const [worker, us] of requests) {
          new SeriesTable(memory.of(worker)).histogram(DURATION, labels(`/${worker}`, 200)).record(us);
        }
        const json = await metricsJson([sharedMemorySource(Block.create({ workers: 2 }), memory)]);
        const longest = (of: typeof requests): number => Math.max(...of.map(([, us]) => us)) / 1000;
        expect(json.response_time_ms.max).to.equal(longest(requests));
        for (const { route, response_time_ms: times } of json.routes) {
          expect(times.max).to.equal(longest(requests.filter(([worker]) => `/${worker}` === route)));
          expect(times.p50 <= times.p90 && times.p90 <= times.p99 && times.p99 <= times.max).to.equal(true);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('distinguishes requests of 12, 40 and 400 seconds', async () => {
    const memory = new SeriesMemory();
    const slow = new SeriesTable(memory.of(1)).histogram(DURATION, labels('/report', 200));
    for (let count = 0; count < 80; count++) slow.record(12_000_000);
    for (let count = 0; count < 19; count++) slow.record(40_000_000);
    slow.record(400_000_000);
    const json = await metricsJson([sharedMemorySource(Block.create({ workers: 1 }), memory)]);
    expect(json.response_time_ms).to.deep.equal({ p50: 15_000, p90: 45_000, p99: 45_000, max: 400_000 });
  });

  it('is made in turns, also the quantiles of many routes', async () => {
    const memory = new SeriesMemory();
    const table = new SeriesTable(memory.of(1)).pool('routes');
    for (let n = 0; n < ROUTES; n++) table.histogram(DURATION, labels(`/${n}`, 200)).record(n);
    const sources = [sharedMemorySource(Block.create({ workers: 1 }), memory)];
    const gathered = await turnsOf(() => gatherFamilies(sources));
    const made = await turnsOf(() => metricsJson(sources));
    // One for each series when they are added up, one for each route when its quantiles are computed.
    expect(made - gathered).to.be.greaterThan(1.5 * ROUTES);
  });

  it('contains only zeros before the first request', async () => {
    const json = await metricsJson([sharedMemorySource(Block.create({ workers: 1 }), new SeriesMemory())]);
    expect(json).to.include({ request_count: 0, error_count: 0 });
    expect(json.response_time_ms).to.deep.equal({ p50: 0, p90: 0, p99: 0, max: 0 });
    expect(json.routes).to.deep.equal([]);
  });
});
