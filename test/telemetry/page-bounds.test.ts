// The size of the page of metrics, whatever clients send.
import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { sharedClock } from '#src/memory/clock.js';
import { FlightRecorder } from '#src/memory/flight-recorder.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { RouteNumbers } from '#src/memory/route-names.js';
import { WorkerRow } from '#src/memory/worker-row.js';
import { sharedMemorySource } from '#src/telemetry/metric-families.js';
import { Exposition } from '#src/telemetry/prometheus.js';
import { SERIES_TEXT_BYTES } from '#src/telemetry/series-limit.js';
import { serviceMetrics } from '#src/telemetry/service-metrics.js';
import { RequestMeters } from '#src/worker/request-meters.js';
import { samplesOf } from './exposition.js';

const WORKERS = 4;
const MANY = 50_000;
const MOST_BYTES = 1_000_000;

describe('the page of metrics after 50,000 label values of 900 characters', () => {
  const memory = new SeriesMemory();
  const exposition = new Exposition([sharedMemorySource(Block.create({ workers: WORKERS }), memory)]);
  const buckets = Array.from({ length: 30 }, (_, index) => index);
  const add = (from: number, to: number): void => {
    const services = Array.from({ length: WORKERS }, (_, index) => {
      const metrics = serviceMetrics(new SeriesTable(memory.of(index + 1)).pool('services'))('shop');
      return {
        visits: metrics.counter('visits_total', 'Visits.', ['name']),
        times: metrics.histogram('visit_seconds', 'Visits.', ['name']),
        sizes: metrics.histogram('visit_bytes', 'Visits.', ['name'], { buckets }),
      };
    });
    for (let n = from; n < to; n++) {
      // A quotation mark takes two characters on the page.
      const name = `${n} ${'"'.repeat(450)}`.padEnd(900, 'x');
      const { visits, times, sizes } = services[n % WORKERS]!;
      visits.add(1, { name });
      times.record(n, { name });
      sizes.record(n, { name });
    }
  };
  const NAMES = ['visits_total', 'visit_seconds_count', 'visit_bytes_count'];
  const countsOf = (text: string, name: string) =>
    new Map(
      samplesOf(text)
        .filter((sample) => sample.name === name)
        .map(({ labels, value }) => [labels.name, value]),
    );
  const sum = (counts: ReadonlyMap<unknown, number>): number => [...counts.values()].reduce((a, b) => a + b);

  before(() => add(0, MANY));

  for (const format of ['prometheus', 'openmetrics'] as const) {
    it(`has less than a megabyte as ${format}, no metric more than its part, and no count is lost`, async () => {
      const text = await exposition.render(format);
      expect(Buffer.byteLength(text)).to.be.below(MOST_BYTES);
      for (const family of ['visits', 'visit_seconds', 'visit_bytes']) {
        const lines = text.split('\n').filter((line) => line.startsWith(family) && line.includes('name="'));
        // Each line has its end, and no number has more digits than at first.
        const bytes = lines.reduce((all, line) => all + Buffer.byteLength(line) + 1, 0);
        expect(bytes, family).to.be.within(SERIES_TEXT_BYTES / 2, SERIES_TEXT_BYTES);
      }
      for (const name of NAMES) expect(sum(countsOf(text, name)), name).to.equal(MANY);
    });
  }

  it('shows the same series for ever, and no count falls', async () => {
    const before = await exposition.render('prometheus');
    add(0, 2_000);
    const after = await exposition.render('prometheus');
    for (const name of NAMES) {
      const [first, second] = [countsOf(before, name), countsOf(after, name)];
      expect([...second.keys()]).to.have.members([...first.keys()]);
      for (const [value, count] of first) expect(second.get(value)).to.be.at.least(count);
      expect(sum(second)).to.equal(MANY + 2_000);
    }
  });
});

describe('the page of metrics after 50,000 distinct paths, methods and names', () => {
  const block = Block.create({ workers: WORKERS });
  const memory = new SeriesMemory();
  const source = sharedMemorySource(block, memory);
  const exposition = new Exposition([source]);

  before(() => {
    const workers = Array.from({ length: WORKERS }, (_, index) => {
      const recorder = new SeriesTable(memory.of(index + 1));
      const meters = new RequestMeters({
        recorder,
        series: recorder.pool('routes'),
        failures: recorder.pool('failures'),
        routes: new RouteNumbers(recorder.store),
        row: new WorkerRow(block, index + 1),
        flightRecorder: new FlightRecorder(block, index + 1),
        clock: sharedClock(block),
        scheme: 'http',
      });
      const metrics = serviceMetrics(recorder.pool('services'))('shop');
      return {
        // The server has one meter for all requests that no route matches, and one for unknown methods.
        unmatched: meters.meter('GET', undefined),
        unknown: meters.meter('_OTHER', '/api/users'),
        visits: metrics.counter('visits_total', 'Visits.', ['name']),
        times: metrics.histogram('visit_seconds', 'Visits.', ['name']),
      };
    });
    for (let n = 0; n < MANY; n++) {
      const { unmatched, unknown, visits, times } = workers[n % WORKERS]!;
      unmatched.end(unmatched.begin(0, '', 0), 404, 100 + (n % 1000), 'ROUTE_NOT_FOUND');
      unknown.end(unknown.begin(0, '', 0), 501, 100, `MADE_UP_${n}`);
      visits.add(1, { name: `name-${n}` });
      times.record(n, { name: `name-${n}` });
    }
  });

  for (const format of ['prometheus', 'openmetrics'] as const) {
    it(`has less than a megabyte as ${format}, and no observation is lost`, async () => {
      const text = await exposition.render(format);
      expect(Buffer.byteLength(text)).to.be.below(MOST_BYTES);
      const totals = (name: string) =>
        samplesOf(text)
          .filter((sample) => sample.name === name)
          .reduce((sum, { value }) => sum + value, 0);
      expect(totals('visits_total')).to.equal(MANY);
      expect(totals('visit_seconds_count')).to.equal(MANY);
      expect(totals('http_server_request_duration_seconds_count')).to.equal(2 * MANY);
    });
  }

  it('shows 512 series of a metric and all others as one, and always the same ones', async () => {
    const seriesOf = (text: string) => samplesOf(text).filter(({ name }) => name === 'visits_total');
    const text = await exposition.render('prometheus');
    const first = seriesOf(text);
    expect(first).to.have.length(513);
    expect(samplesOf(text).filter(({ name }) => name === 'multilane_series_merged')).to.deep.include({
      name: 'multilane_series_merged',
      labels: { metric: 'visits_total' },
      value: WORKERS * 512 - 512,
    });
    // Another worker comes first in memory, with series that it alone has.
    new SeriesTable(memory.of(0)).pool('services').counter('visits_total', { name: 'late' }).add(5);
    const second = seriesOf(await exposition.render('prometheus'));
    const counts = new Map(second.map(({ labels, value }) => [labels.name, value]));
    for (const { labels, value } of first) expect(counts.get(labels.name)).to.be.at.least(value);
    expect(counts.get(undefined)).to.equal(first.find(({ labels }) => labels.name === undefined)!.value + 5);
  });
});
