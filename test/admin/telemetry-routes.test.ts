import { expect } from 'chai';
import { type Readiness, telemetryRoutes, type WorkerView } from '#src/admin/telemetry-routes.js';
import { Block } from '#src/memory/block.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { sharedMemorySource } from '#src/telemetry/metric-families.js';
import { Exposition } from '#src/telemetry/prometheus.js';
import { get, json } from '#test/support/client.js';
import { expectProblem } from '#test/support/problem.js';
import { closePlanes, plane } from './admin-fixture.js';

const WORKER: WorkerView = {
  id: 1,
  kind: 'http',
  generation: 2,
  state: 'ready',
  startedAt: '2026-01-01T00:00:00.000Z',
  connections: 3,
  inFlight: 1,
  requests: 7,
  loopUtilization: 0.5,
  loopDelayP99Ms: 1.2,
  heapUsedMb: 20,
  current: { route: '/api/users/{id}', sinceMs: 4 },
};

async function telemetry(readiness: () => Readiness = () => ({ ready: true, reasons: [] })) {
  const block = Block.create({ workers: 1 });
  const memory = new SeriesMemory();
  const sources = [sharedMemorySource(block, memory)];
  const routes = telemetryRoutes({
    readiness,
    liveness: readiness,
    exposition: new Exposition(sources),
    sources,
    workers: () => [WORKER],
  });
  return { series: new SeriesTable(memory.of(1)), ...(await plane(routes)) };
}

describe('the routes of telemetry', () => {
  afterEach(closePlanes);

  it('answer /livez and /readyz with 200 while the process is live and ready', async () => {
    const { url } = await telemetry();
    expect(await json(await get(`${url}/livez`))).to.deep.equal({ status: 'live', reasons: [] });
    expect(await json(await get(`${url}/readyz`))).to.deep.equal({ status: 'ready', reasons: [] });
  });

  it('answer 503 with the reasons otherwise', async () => {
    const reasons = ['draining', 'only 0 of 2 workers serve'];
    const { url } = await telemetry(() => ({ ready: false, code: 'DRAINING', reasons }));
    const problem = await expectProblem(await get(`${url}/readyz`), 503, 'DRAINING', { isProbe: true });
    expect(problem.reasons).to.deep.equal(reasons);
    expect(problem).to.not.have.property('executed');
    await expectProblem(await get(`${url}/livez`), 503, 'DRAINING', { isProbe: true });
    const starting = await telemetry(() => ({ ready: false, reasons: [] }));
    await expectProblem(await get(`${starting.url}/readyz`), 503, 'STARTING', { isProbe: true });
  });

  it('serve /metrics in the requested format', async () => {
    const { url, series } = await telemetry();
    series.counter('multilane_requests_shed_total', { reason: 'overload' }).add(2);
    const plain = await get(`${url}/metrics`);
    expect(plain.headers.get('content-type')).to.equal('text/plain; version=0.0.4; charset=utf-8');
    expect(await plain.text()).to.contain('\nmultilane_requests_shed_total{reason="overload"} 2\n');
    const open = await get(`${url}/metrics`, { accept: 'application/openmetrics-text' });
    expect(open.headers.get('content-type')).to.match(/^application\/openmetrics-text; version=1\.0\.0/);
    expect(await open.text()).to.match(/\n# EOF\n$/);
  });

  it('compress /metrics for clients that prefer it, by the quality values of Accept-Encoding', async () => {
    const { url } = await telemetry();
    const codingOf = async (accepted: string): Promise<string | null> => {
      const response = await get(`${url}/metrics`, { 'accept-encoding': accepted });
      expect(response.headers.get('vary')).to.equal('accept, accept-encoding');
      // fetch decompresses the body.
      expect(await response.text()).to.contain('\nmultilane_label_overflow_total 0\n');
      return response.headers.get('content-encoding');
    };
    for (const accepted of ['gzip', 'deflate, gzip;q=0.5', 'br;q=1.0, gzip;q=0.8, *;q=0.1']) {
      expect(await codingOf(accepted), accepted).to.equal('gzip');
    }
    for (const accepted of ['identity', 'gzip;q=0', 'br', 'identity, gzip;q=0.1']) {
      expect(await codingOf(accepted), accepted).to.equal(null);
    }
  });

  it('serve /metrics.json and /workers', async () => {
    const { url } = await telemetry();
    expect(await json(await get(`${url}/metrics.json`))).to.include({ request_count: 0, error_count: 0 });
    expect(await json(await get(`${url}/workers`))).to.deep.equal([WORKER]);
  });
});
