import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { occupySlot, WorkerRow } from '#src/memory/worker-row.js';
import { negotiate } from '#src/telemetry/exposition-format.js';
import { currentValue, type MetricSource, sharedMemorySource } from '#src/telemetry/metric-families.js';
import { METRICS } from '#src/telemetry/metric-table.js';
import { Exposition } from '#src/telemetry/prometheus.js';
import { canLimitFiles, withoutFiles } from '#test/support/open-files.js';
import { complaints, misplaced, requirePromtool, samplesOf } from './exposition.js';

const DURATION = 'http_server_request_duration_seconds';
const ROUTE = {
  url_scheme: 'http',
  http_route: '/api/users/{id}',
  http_request_method: 'GET',
  http_response_status_code: '200',
};
const LE = '0.005 0.01 0.025 0.05 0.075 0.1 0.25 0.5 0.75 1 2.5 5 7.5 10 +Inf'.split(' ');

/** Two workers and the primary, which share one block. */
function threads() {
  const block = Block.create({ workers: 2 });
  const memory = new SeriesMemory();
  const [primary, first, second] = [0, 1, 2].map((slot) => new SeriesTable(memory.of(slot)));
  return {
    block,
    memory,
    primary: primary!,
    first: first!,
    second: second!,
    source: sharedMemorySource(block, memory),
  };
}

async function lines(sources: MetricSource[], name: string): Promise<string[]> {
  const text = await new Exposition(sources).render('prometheus');
  return text.split('\n').filter((line) => line.startsWith(name));
}

const valueOfLine = (line: string | undefined): number => Number(line?.slice(line.lastIndexOf(' ') + 1));

describe('the metrics page', () => {
  it('sums the values of all threads, and shows the buckets of the contract', async () => {
    const { first, second, source } = threads();
    for (const us of [4_999, 5_000, 5_001, 74_000]) first.histogram(DURATION, ROUTE).record(us);
    for (const us of [80_000, 9_999_999, 10_000_001]) second.histogram(DURATION, ROUTE).record(us);
    const all = await lines([source], DURATION);
    const buckets = all.filter((line) => line.startsWith(`${DURATION}_bucket`));
    expect(buckets.map((line) => /le="([^"]+)"/.exec(line)?.[1])).to.deep.equal(LE);
    expect(buckets.map(valueOfLine)).to.deep.equal([2, 3, 3, 3, 4, 5, 5, 5, 5, 5, 5, 5, 5, 6, 7]);
    expect(valueOfLine(all.find((line) => line.startsWith(`${DURATION}_sum`)))).to.be.closeTo(20.169, 1e-6);
    expect(all.find((line) => line.startsWith(`${DURATION}_count`))).to.equal(
      `${DURATION}_count{http_request_method="GET",http_route="/api/users/{id}",` +
        `http_response_status_code="200",url_scheme="http"} 7`,
    );
  });

  it('yields to the event loop while it is rendered, however many series there are', async () => {
    const block = Block.create({ workers: 8 });
    const memory = new SeriesMemory();
    for (let slot = 1; slot <= 8; slot += 1) {
      const table = new SeriesTable(memory.of(slot));
      for (let n = 0; n < 400; n += 1) {
        table.counter(`own${slot}_total`, { n: String(n) }).add();
      }
    }
    const exposition = new Exposition([sharedMemorySource(block, memory)]);
    let turns = 0;
    let isOver = false;
    const count = (): void => {
      turns += 1;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    const text = await exposition.render('prometheus');
    isOver = true;
    expect(text.match(/^own\d_total\{/gm)).to.have.length(3200);
    // The loop turns once per thread, once per 500 gathered series, and once per 500 written series.
    expect(turns).to.be.at.least(9 + 6 + 6);
  });

  it('is rendered once for the first of concurrent requests and once for all others, in each format', async () => {
    let reads = 0;
    const source: MetricSource = () => {
      reads += 1;
      return { series: [] };
    };
    const exposition = new Exposition([source]);
    const texts = await Promise.all(Array.from({ length: 50 }, () => exposition.render('prometheus')));
    expect(reads).to.equal(2);
    expect(new Set(texts.slice(1)).size).to.equal(1);
    await Promise.all([exposition.render('prometheus'), exposition.render('openmetrics')]);
    expect(reads).to.equal(4);
  });

  it('has what was counted before it was asked for, also while an earlier reading is under way', async () => {
    const { first, source } = threads();
    const exposition = new Exposition([source]);
    const visits = first.counter('visits_total', {});
    visits.add(1);
    const [exported, early] = [source(), exposition.render('openmetrics')];
    visits.add(1);
    const page = await exposition.render('openmetrics');
    expect(samplesOf(page).find(({ name }) => name === 'visits_total')?.value).to.equal(2);
    await Promise.all([exported, early]);
  });

  it('keeps totals when another thread takes over a slot', async () => {
    const { memory, first, source } = threads();
    const picked = { service: 'users', endpoint: 'a' };
    first.counter('multilane_balancer_picks_total', picked).add(5);
    new SeriesTable(memory.of(1)).counter('multilane_balancer_picks_total', picked).add(2);
    expect(await lines([source], 'multilane_balancer_picks_total')).to.deep.equal([
      'multilane_balancer_picks_total{service="users",endpoint="a"} 7',
    ]);
  });

  it('escapes special characters in labels and help', async () => {
    const { first, source } = threads();
    first.declare('jobs_total', 'counter', 'Jobs,\nby \\ kind.');
    first.counter('jobs_total', { kind: 'a"b\\c\nd' }).add();
    const text = await new Exposition([source]).render('prometheus');
    expect(text).to.contain('# HELP jobs_total Jobs,\\nby \\\\ kind.\n# TYPE jobs_total counter\n');
    expect(text).to.contain('jobs_total{kind="a\\"b\\\\c\\nd"} 1\n');
  });

  it('shows every worker, and the requests in all of them', async () => {
    const { block, source } = threads();
    const load = { utilization: 0.25, delayP99Us: 10 };
    for (const slot of [1, 2]) {
      occupySlot(block, slot, slot, 1);
      const row = new WorkerRow(block, slot);
      row.began(slot * 3);
      row.beat(1);
      row.report(load);
      row.useHeap(2 ** 20);
    }
    expect(await lines([source], 'multilane_worker_')).to.include.members([
      'multilane_worker_loop_utilization_ratio{worker="1"} 0.25',
      'multilane_worker_heap_bytes{worker="2"} 1048576',
    ]);
    expect(await lines([source], 'http_server_active_requests')).to.deep.equal([
      'http_server_active_requests 9',
    ]);
  });

  it('merges other sources by the rule of the table', async () => {
    const { primary, source } = threads();
    primary.counter('multilane_requests_shed_total', { reason: 'overload' }).add(2);
    const other: MetricSource = () => ({
      series: [
        currentValue('multilane_requests_shed_total', 3, { reason: 'overload' }),
        currentValue('multilane_workers', 1, { state: 'ready' }),
        currentValue('multilane_workers', 2, { state: 'ready' }),
      ],
    });
    expect(await lines([source, other], 'multilane_requests_shed_total')).to.deep.equal([
      'multilane_requests_shed_total{reason="overload"} 5',
    ]);
    expect(await lines([source, other], 'multilane_workers')).to.deep.equal([
      'multilane_workers{state="ready"} 2',
    ]);
  });

  it('contains every metric of the contract from the first scrape on', async () => {
    const text = await new Exposition([threads().source]).render('prometheus');
    for (const [name, { kind, help }] of Object.entries(METRICS)) {
      expect(text).to.contain(`# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n`);
    }
    expect(text).to.contain('\nmultilane_label_overflow_total 0\n');
  });

  it('counts the series that found no free row', async () => {
    const { first, source } = threads();
    for (let count = 0; count < 600; count++) first.counter('made_up_total', { n: String(count) }).add();
    const overflow = valueOfLine((await lines([source], 'multilane_label_overflow_total '))[0]);
    expect(overflow).to.be.above(50);
    const all = await lines([source], 'made_up_total');
    expect(all.reduce((sum, line) => sum + valueOfLine(line), 0)).to.equal(600);
    expect(all).to.include(`made_up_total ${overflow}`);
    expect(await lines([source], 'multilane_series_overflow_total')).to.deep.equal([
      `multilane_series_overflow_total{metric="made_up_total"} ${overflow}`,
    ]);
  });

  it('shows labels with names such as constructor', async () => {
    const { first, source } = threads();
    const names = Object.getOwnPropertyNames(Object.prototype).filter((name) => !name.startsWith('__'));
    for (const name of names) first.counter('odd_total', { [name]: 'x' }).add();
    expect((await lines([source], 'odd_total')).sort()).to.deep.equal(
      names.map((name) => `odd_total{${name}="x"} 1`).sort(),
    );
  });

  it('omits series with an invalid name or of another kind', async () => {
    const { first, second, source } = threads();
    first.counter('my-metric').add();
    first.declare('jobs', 'gauge', 'Jobs.');
    second.counter('jobs').add();
    const text = await new Exposition([source]).render('prometheus');
    expect(text).to.not.contain('my-metric');
    expect(text).to.match(/# TYPE jobs gauge\n(?!jobs )/);
  });

  it('omits empty histograms of the product, and shows those of services from the start', async () => {
    const { first, second, source } = threads();
    first.histogram(DURATION, ROUTE);
    second.histogram(DURATION, { ...ROUTE, http_route: '/slow' }).record(0);
    second.histogram('db_client_operation_duration_seconds', { db_namespace: 'users' });
    first.declare('took_seconds', 'histogram', 'Took.');
    first.histogram('took_seconds');
    const text = await new Exposition([source]).render('prometheus');
    const counts = text
      .split('\n')
      .filter((line) => /^\w+_duration_seconds_count|^took_seconds_count/.test(line));
    expect(counts.filter((line) => !line.startsWith('nodejs_'))).to.deep.equal([
      `${DURATION}_count{http_request_method="GET",http_route="/slow",http_response_status_code="200",url_scheme="http"} 1`,
      'took_seconds_count 0',
    ]);
  });

  it('has each name once; of contradicting declarations the latest holds', async () => {
    const { first, second, source } = threads();
    first.declare('jobs', 'histogram', 'Before a reload.');
    first.histogram('jobs').record(1);
    second.declare('jobs_count', 'gauge', 'Behind it.');
    second.gauge('jobs_count').set(3);
    for (const format of ['prometheus', 'openmetrics'] as const) {
      const text = await new Exposition([source]).render(format);
      expect(misplaced(text), format).to.deep.equal([]);
      expect(text)
        .to.match(/^jobs_count 3$/m)
        .and.not.contain('Before a reload.');
    }
    first.declare('jobs', 'histogram', 'Before a reload.');
    const text = await new Exposition([source]).render('prometheus');
    expect(text)
      .to.match(/^jobs_count 1$/m)
      .and.not.contain('Behind it.');
  });

  it('has metrics with names such as constructor', async () => {
    const { first, source } = threads();
    const names = Object.getOwnPropertyNames(Object.prototype);
    for (const name of names) {
      first.declare(name, 'gauge', 'Odd.');
      first.gauge(name).set(1);
    }
    for (const name of names) expect(await lines([source], `${name} `)).to.deep.equal([`${name} 1`]);
  });

  it('contains the metrics of the process itself once, without names that promtool refuses', async () => {
    const text = await new Exposition([threads().source]).render('prometheus');
    expect(text.match(/^process_cpu_seconds_total /gm)).to.have.length(1);
    expect(text).to.match(/^nodejs_heap_size_used_bytes \d+$/m);
    expect(text).to.not.match(/^nodejs_active_handles_total/m);
  });

  it('omits metrics of the process that cannot be read without a file descriptor, and counts the scrape', async function () {
    if (!canLimitFiles()) this.skip();
    let skipped = 0;
    const exposition = new Exposition([threads().source], { skipped: () => skipped++ });
    const shown = async (): Promise<readonly string[]> => {
      const text = await exposition.render('prometheus');
      return [
        ...text.matchAll(/^(process_(?:open_fds|resident_memory_bytes)|nodejs_heap_size_used_bytes) /gm),
      ].map(([, name = '']) => name);
    };
    expect(await shown()).to.have.length(3);
    expect(await withoutFiles(shown)).to.deep.equal([]);
    expect(await shown()).to.have.length(3);
    expect(skipped).to.equal(1);
  });

  it('writes a family of any size with one HELP and one TYPE', async () => {
    const series = Array.from({ length: 1200 }, (_, index) =>
      currentValue('multilane_registry_instances', index, { service: `s${index}`, state: 'healthy' }),
    );
    const text = await new Exposition([() => ({ series })]).render('prometheus');
    expect(text.match(/^multilane_registry_instances\{/gm)).to.have.length(1200);
    expect(text.match(/multilane_registry_instances gauge/g)).to.have.length(1);
    expect(text).to.not.match(/\n\n\n/);
  });

  it('is accepted by promtool check metrics', async function () {
    requirePromtool(this, this.test as Mocha.Test);
    const { first, source } = threads();
    first.histogram(DURATION, ROUTE).record(7000);
    expect(complaints(await new Exposition([source]).render('prometheus'))).to.equal('');
  });

  it('follows OpenMetrics when requested: family names, float bounds, end mark, no empty line', async () => {
    const { first, source } = threads();
    first.histogram(DURATION, ROUTE).record(7000);
    first.declare('jobs_total', 'counter', 'The "jobs".');
    first.counter('jobs_total').add(4);
    const text = await new Exposition([source]).render('openmetrics');
    expect(text.endsWith('\n# EOF\n')).to.equal(true);
    expect(text).to.not.contain('\n\n');
    expect(text).to.contain("# HELP jobs The 'jobs'.\n# TYPE jobs counter\njobs_total 4\n");
    expect(text).to.contain('le="1.0"').and.contain('le="0.005"').and.not.contain('le="1"');
    expect(text).to.match(/^process_cpu_seconds_total /m);
  });

  it('has units and exemplars in OpenMetrics, and neither in the older format', async () => {
    const { first, source } = threads();
    const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) };
    first.histogram(DURATION, ROUTE).record(7_000, trace);
    first.declare('items', 'histogram', 'Items.', [1, 2.5]);
    first.distribution('items', {}, [1, 2.5]).record(2);
    const open = await new Exposition([source]).render('openmetrics');
    expect(open).to.contain(`# TYPE ${DURATION} histogram\n# UNIT ${DURATION} seconds\n${DURATION}_bucket`);
    expect(open).to.contain('# UNIT process_cpu_seconds seconds\nprocess_cpu_seconds_total ');
    expect(open).to.contain(
      'items_bucket{le="1.0"} 0\nitems_bucket{le="2.5"} 1\nitems_bucket{le="+Inf"} 1\n',
    );
    expect(open).to.contain('items_sum 2\nitems_count 1\n');
    const lines = open.split('\n').filter((line) => line.includes('trace_id'));
    expect(lines).to.have.length(1);
    expect(lines[0]).to.match(
      new RegExp(
        `le="0.01",.*\\} 1 # \\{trace_id="${trace.traceId}",span_id="${trace.spanId}"\\} 0.007 \\d+(\\.\\d+)?$`,
      ),
    );
    const plain = await new Exposition([source]).render('prometheus');
    expect(plain).to.not.contain('# UNIT').and.not.contain('trace_id');
  });

  it('is OpenMetrics only for clients that prefer it', () => {
    const prometheus2 =
      'application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,' +
      'text/plain;version=0.0.4;q=0.3,*/*;q=0.2';
    expect(negotiate(prometheus2)).to.equal('openmetrics');
    expect(negotiate('application/openmetrics-text')).to.equal('openmetrics');
    for (const accept of [
      undefined,
      '*/*',
      'text/html',
      'text/plain, application/openmetrics-text;q=0.1',
      'application/openmetrics-text;q=0',
      'application/openmetrics-text;q=nonsense',
    ]) {
      expect(negotiate(accept), accept ?? 'nothing').to.equal('prometheus');
    }
  });
});
