// The metrics of a real process, read by a real Prometheus server and by an OTLP collector.
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { expect } from 'chai';
import { get } from '#test/support/client.js';
import { type Cluster, startCluster } from '#test/support/cluster.js';
import { OtlpCollector } from '#test/support/otlp-collector.js';
import { markPending } from '#test/support/pending.js';
import { hasPrometheus, Prometheus } from '#test/support/prometheus.js';
import { complaints, requirePromtool, samplesOf } from '#test/telemetry/exposition.js';
import { METERED } from './fixtures/paths.js';

const DURATION = 'http_server_request_duration_seconds';
const TOKEN = 'a-token-of-the-operator-of-forty-characters';
/** Fifty thousand together. */
const [PATHS, NAMES, METHODS] = [25_000, 24_200, 800];
const CONNECTIONS = 8;
const PIPELINED = 50;
/** Where each response begins. */
const BEGINNING = 'HTTP/1.1 ';
/** The largest page for any number of distinct paths, methods and names. */
const MOST_PAGE_BYTES = 1_000_000;

/** Sends a request on a connection of its own, because the response to an unknown method closes it. */
function alone(url: string, line: string): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.write(`${line} HTTP/1.1\r\nHost: test\r\n\r\n`);
  return new Promise((resolve, reject) => {
    socket.on('error', reject).on('close', () => resolve());
    socket.once('data', () => socket.destroy());
  });
}

/**
 * Sends requests over one connection, some at a time, until it is closed: a worker with more connections than
 * others closes some behind a response, and then handles no request that follows it.
 * @returns the number of responses
 */
function pipelined(url: string, lines: readonly string[]): Promise<number> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  let [sent, answered] = [0, 0];
  const send = (): void => {
    const next = lines.slice(sent, sent + PIPELINED);
    sent += next.length;
    socket.write(next.map((line) => `${line} HTTP/1.1\r\nHost: test\r\n\r\n`).join(''));
  };
  return new Promise((resolve, reject) => {
    let rest = '';
    socket.on('error', reject);
    socket.on('close', () => resolve(answered));
    socket.on('data', (chunk: Buffer) => {
      const text = rest + chunk.toString('latin1');
      answered += text.split(BEGINNING).length - 1;
      rest = text.slice(1 - BEGINNING.length);
      if (answered >= lines.length) socket.end();
      else if (answered >= sent) send();
    });
    send();
  });
}

async function sendAll(url: string, lines: readonly string[]): Promise<void> {
  for (let answered = 0; answered < lines.length; ) {
    answered += await pipelined(url, lines.slice(answered));
  }
}

describe('the metrics of a real process', () => {
  let cluster: Cluster;
  let collector: OtlpCollector;
  const auth = { authorization: `Bearer ${TOKEN}` };
  const page = async (accept = 'text/plain'): Promise<string> =>
    (await get(`${cluster.adminUrl}/metrics`, { ...auth, accept })).text();

  before(async function () {
    this.timeout(90_000);
    collector = await OtlpCollector.start();
    cluster = await startCluster({
      config: METERED,
      env: {
        ADMIN_TOKEN: TOKEN,
        ADAPTIVE_LIMIT: 'off',
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_SERVICE_NAME: 'metered-under-test',
        OTEL_METRICS_EXPORTER: 'otlp',
        OTEL_METRIC_EXPORT_INTERVAL: '500',
        OTEL_LOGS_EXPORTER: 'otlp',
        OTEL_TRACES_SAMPLER: 'parentbased_always_off',
      },
    });
  });
  after(async function () {
    this.timeout(60_000);
    await cluster?.dispose();
    await collector?.close();
  });

  it('are scraped by Prometheus, whose query API returns the counts, rates and exemplars', async function () {
    this.timeout(90_000);
    if (!hasPrometheus()) markPending(this, 'prometheus is not installed');
    const prometheus = await Prometheus.scraping(cluster.adminUrl, TOKEN);
    try {
      const count = `sum(${DURATION}_count{http_route="/fast"})`;
      await get(`${cluster.url}/fast`);
      await prometheus.until(count, ([first]) => first?.value === 1);
      const traceId = randomBytes(16).toString('hex');
      const traceparent = `00-${traceId}-${randomBytes(8).toString('hex')}-01`;
      for (let sent = 0; sent < 40; sent++)
        await get(`${cluster.url}/fast`, sent === 7 ? { traceparent } : {});
      await prometheus.until(count, ([first]) => first?.value === 41);
      const [rate] = await prometheus.until(
        `sum(rate(${DURATION}_count{http_route="/fast"}[1m]))`,
        ([first]) => (first?.value ?? 0) > 0,
      );
      expect(rate?.value).to.be.below(200);
      const [up] = await prometheus.query('up');
      expect(up?.value).to.equal(1);
      expect(await prometheus.exemplars(`${DURATION}_bucket{http_route="/fast"}`)).to.deep.equal([traceId]);
      const [p99] = await prometheus.query(
        `histogram_quantile(0.99, sum by (le) (rate(${DURATION}_bucket{http_route="/fast"}[1m])))`,
      );
      expect(p99?.value).to.be.above(0);
    } finally {
      await prometheus.close();
    }
  });

  it('are exported to an OTLP collector from shared memory, cumulative since the start', async () => {
    await get(`${cluster.url}/visit/anna`);
    await get(`${cluster.url}/visit/n-1`);
    const find = (name: string) => collector.points.findLast((point) => point.name === name);
    const visits = await collector.waitFor(() => find('metered_visits_total'), 'visits');
    expect(visits).to.include({ kind: 'sum', isMonotonic: true, temporality: 2 });
    expect(visits.resource['service.name']).to.equal('metered-under-test');
    expect(visits.startTimeUnixNano < visits.timeUnixNano).to.equal(true);
    const served = await collector.waitFor(
      () =>
        collector.points.findLast(
          ({ name, attributes }) =>
            name === 'http.server.request.duration' && attributes['http.route'] === '/visit/{name}',
        ),
      'requests',
    );
    expect(served).to.include({ kind: 'histogram', unit: 's', temporality: 2 });
    expect(served.attributes).to.include({ 'http.request.method': 'GET', 'http.response.status_code': 200 });
    expect(served.bucketCounts.reduce((sum, one) => sum + one, 0)).to.equal(served.value);
    expect(served.explicitBounds).to.have.length(served.bucketCounts.length - 1);
    const lengths = await collector.waitFor(() => find('metered_name_characters'), 'lengths');
    expect(lengths.explicitBounds).to.deep.equal([1, 5, 10, 50]);
  });

  it('are accompanied by the log lines of all threads, without secrets, in the trace of their request', async () => {
    const traceId = randomBytes(16).toString('hex');
    await get(`${cluster.url}/logged`, { traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-01` });
    const line = await collector.waitFor(
      () => collector.lines.find((one) => one.traceId === traceId),
      'line of the trace',
    );
    expect(line).to.deep.include({ body: 'it was logged', severityText: 'WARN', severityNumber: 13 });
    expect(line.attributes).to.include({ 'multilane.service': 'metered' });
    expect(Number(line.attributes.order)).to.equal(7);
    expect(JSON.stringify(line)).to.not.contain('hunter2');
    const ready = await collector.waitFor(
      () => collector.lines.find(({ body }) => body === 'ready'),
      'line of the primary',
    );
    expect(ready.resource['service.name']).to.equal('metered-under-test');
  });

  it('stay small for fifty thousand distinct paths, methods and names, and promtool accepts the page', async function () {
    this.timeout(120_000);
    const lines = [
      ...Array.from({ length: PATHS }, (_, n) => `GET /nowhere/${n}`),
      ...Array.from({ length: NAMES }, (_, n) => `GET /visit/n-${n}`),
    ];
    const parts = Array.from({ length: CONNECTIONS }, (_, at) =>
      lines.filter((_line, n) => n % CONNECTIONS === at),
    );
    await Promise.all(parts.map((part) => sendAll(cluster.url, part)));
    for (let n = 0; n < METHODS; n += 16) {
      await Promise.all(Array.from({ length: 16 }, (_, at) => alone(cluster.url, `METHOD${n + at} /fast`)));
    }
    const text = await page();
    const visits = samplesOf(text).filter(({ name }) => name === 'metered_visits_total');
    expect(visits.reduce((sum, { value }) => sum + value, 0)).to.be.at.least(NAMES);
    expect(visits.length).to.be.at.most(513);
    expect(text)
      .to.match(/http_request_method="_OTHER"/)
      .and.not.contain('METHOD1');
    for (const format of ['text/plain', 'application/openmetrics-text']) {
      expect((await page(format)).length, format).to.be.below(MOST_PAGE_BYTES);
    }
    requirePromtool(this, this.test as Mocha.Test);
    expect(complaints(text)).to.equal('');
  });

  it('export the last values when the process ends', async function () {
    this.timeout(60_000);
    await get(`${cluster.url}/visit/last-visitor`);
    const shown = samplesOf(await page()).filter(({ name }) => name === 'metered_visits_total');
    await cluster.stop();
    const last = collector.points.filter(({ name }) => name === 'metered_visits_total');
    const [at] = last.slice(-1).map(({ timeUnixNano }) => timeUnixNano);
    const total = last
      .filter(({ timeUnixNano }) => timeUnixNano === at)
      .reduce((sum, { value }) => sum + value, 0);
    expect(total).to.equal(shown.reduce((sum, { value }) => sum + value, 0));
  });
});
