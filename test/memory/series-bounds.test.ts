import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import type { Recorder } from '#src/memory/metrics/recorder.js';
import { GONE_KEPT } from '#src/memory/metrics/renamed-counts.js';
import {
  OVERFLOW,
  SERIES_PER_METRIC,
  SeriesTable,
  TRANSIENT_KEPT,
  TRANSIENTS,
} from '#src/memory/metrics/series.js';
import { PART_BYTES, SERIES_STEP, SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { BEFORE, NAME, rowsOf, VERSION } from '#src/memory/metrics/series-rows.js';
import { ROWS_PER_PAUSE, readTotals, TotalsReader } from '#src/memory/metrics/totals.js';
import { weightOf } from './instance-weight.js';
import type { RenamingOrder } from './renaming-thread.js';

const PICKS = 'multilane_balancer_picks_total';
const SECONDS = 'http_server_request_duration_seconds';

const table = () => {
  const memory = new SeriesMemory();
  return { memory, series: new SeriesTable(memory.of(1)) };
};

const totalOf = (memory: SeriesMemory, metric: string): number =>
  readTotals(memory)
    .series.filter((one) => one.metric === metric)
    .reduce((sum, { value }) => sum + value, 0);

const labelsOf = (memory: SeriesMemory, metric: string): string[] =>
  readTotals(memory)
    .series.filter((one) => one.metric === metric)
    .map(({ labels }) => JSON.stringify(labels));

/** A service whose instances come and go, with the calls that one thread counts for them. */
function instances(series: Recorder, live: Set<string>, service = 'orders') {
  const isGone = (id: string): boolean => !live.has(id);
  return (id: string) => series.transient(PICKS, { service }, { label: 'endpoint', value: id, isGone }).add();
}

describe('the series of a thread', () => {
  it('have room for every route with every status, however many routes there are', () => {
    const { memory, series } = table();
    const routes = series.pool('routes');
    const statuses = [200, 201, 400, 404, 422, 429, 500, 503];
    for (let route = 0; route < 300; route++) {
      for (const method of ['GET', 'POST']) {
        for (const status of statuses) {
          const labels = { http_request_method: method, http_route: `/r${route}`, status: String(status) };
          routes.histogram(SECONDS, labels).record(5);
        }
      }
    }
    expect(new Set(labelsOf(memory, SECONDS)).size).to.equal(300 * 2 * statuses.length);
    expect(labelsOf(memory, SECONDS)).not.to.include('{}');
    expect(readTotals(memory).overflow).to.equal(0);
  });

  it('of one metric with labels from clients take no room of other metrics or of routes', () => {
    const { memory, series } = table();
    const services = series.pool('services');
    for (let n = 0; n < 20_000; n++) services.counter('made_up_total', { tenant: `t${n}` }).add();
    services.counter('sound_total', { kind: 'a' }).add();
    series.counter('multilane_requests_shed_total', { reason: 'bodies' }).add();
    series.pool('routes').histogram(SECONDS, { http_route: '/a', status: '500' }).record(1);
    expect(labelsOf(memory, 'sound_total')).to.deep.equal(['{"kind":"a"}']);
    expect(labelsOf(memory, 'multilane_requests_shed_total')).to.deep.equal(['{"reason":"bodies"}']);
    expect(labelsOf(memory, SECONDS)).to.deep.equal(['{"http_route":"/a","status":"500"}']);
    expect(totalOf(memory, 'made_up_total')).to.equal(20_000);
    expect(labelsOf(memory, 'made_up_total')).to.have.length(SERIES_PER_METRIC + 1);
    const { series: totals, overflow } = readTotals(memory);
    expect(overflow).to.equal(20_000 - SERIES_PER_METRIC);
    expect(totals.find(({ metric }) => metric === 'multilane_series_overflow_total')).to.deep.include({
      labels: { metric: 'made_up_total' },
      value: overflow,
    });
    expect(memory.of(1).byteLength).to.be.at.most(2 * SERIES_STEP);
  });

  it('of services leave the memory of routes to them, whatever the services declare', () => {
    const { memory, series } = table();
    const services = series.pool('services');
    for (let metric = 0; metric < 60; metric++) {
      for (let n = 0; n < SERIES_PER_METRIC; n++)
        services.histogram(`m${metric}`, { n: String(n) }).record(1);
    }
    expect(memory.of(1).byteLength).to.be.at.most(PART_BYTES.services + SERIES_STEP);
    series.pool('routes').histogram(SECONDS, { http_route: '/late', status: '500' }).record(1);
    services.counter('late_total', { n: '1' }).add();
    expect(labelsOf(memory, SECONDS)).to.deep.equal(['{"http_route":"/late","status":"500"}']);
    expect(labelsOf(memory, 'late_total'), 'without labels').to.deep.equal(['{}']);
    expect(readTotals(memory).series.reduce((sum, { cells }) => sum + (cells?.[0] ?? 0), 0)).to.equal(
      60 * SERIES_PER_METRIC + 1,
    );
  });

  it('of routes leave the memory of services to them, and those of the next thread as well', () => {
    const { memory, series } = table();
    const own = (owner: SeriesTable, metric: string, from: number, to: number): void => {
      const services = owner.pool('services');
      services.declare(metric, 'counter', 'What a service counts.');
      for (let n = from; n < to; n++) services.counter(metric, { n: String(n) }).add();
    };
    const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) };
    own(series, 'carts_total', 0, 50);
    for (const pool of ['routes', 'failures'] as const) {
      const [rows, long] = [series.pool(pool), 'x'.repeat(900)];
      for (let n = 0; n < 10_000; n++)
        rows
          .histogram(SECONDS, { http_route: `/${pool}/${n}/${long}` })
          .record(1, n < 500 ? trace : undefined);
    }
    own(series, 'carts_total', 50, 100);
    const next = new SeriesTable(memory.of(1));
    own(next, 'carts_total', 50, 150);
    own(next, 'late_total', 0, 50);
    const overflows = readTotals(memory).series.filter(({ metric }) => metric === OVERFLOW);
    expect(
      overflows.map(({ labels }) => labels.metric),
      'the runtime has no room',
    ).to.deep.equal([SECONDS]);
    expect(labelsOf(memory, 'carts_total')).to.have.length(150);
    expect(labelsOf(memory, 'late_total')).to.have.length(50);
    // What services use is their own in the next thread as well.
    const services = next.pool('services');
    for (let n = 0; n < SERIES_PER_METRIC * 20; n++)
      services.histogram(`own_${n % 20}`, { n: String(n) }).record(1);
    expect(labelsOf(memory, 'own_19')).to.include('{}');
    expect(memory.of(1).byteLength).to.be.at.most(PART_BYTES.services + PART_BYTES.runtime);
  });

  it('are complete at any moment, and found by the next thread, when their thread is ended while it creates them', async () => {
    const memory = new SeriesMemory();
    const read = () => {
      const now = new Map(readTotals(memory).series.map(({ labels, value }) => [labels.name!, value]));
      for (const [name, value] of now) expect(value, name).to.be.oneOf([0, weightOf(name)]);
      return now;
    };
    let before = new Map<string, number>();
    for (let first = 0; first < 5; first++) {
      const workerData = { memory: memory.of(1), first: first * 1_000_000 };
      const thread = new Worker(new URL('./growing-thread.js', import.meta.url), { workerData });
      await once(thread, 'message');
      while (read().size < before.size + 100) await new Promise((resolve) => setImmediate(resolve));
      await thread.terminate();
      const now = read();
      for (const [name, value] of before) expect(now.get(name), name).to.equal(value);
      before = now;
    }
    expect(memory.of(1).byteLength).to.be.above(SERIES_STEP);
  });

  it('take memory only when they are used', () => {
    const { memory, series } = table();
    for (let n = 0; n < 100; n++) series.counter(`m${n}`).add();
    expect(memory.of(1).byteLength).to.equal(SERIES_STEP);
  });
});

describe('the series of instances that come and go', () => {
  it('lose no count in 2,000 lifetimes, and no total ever goes down', () => {
    const { memory, series } = table();
    const live = new Set(Array.from({ length: 10 }, (_, n) => `i${n}`));
    const count = instances(series, live);
    let counted = 0;
    let before = 0;
    let formerly = 0;
    for (let life = 0; life < 2_000; life++) {
      live.delete(`i${life}`);
      live.add(`i${life + 10}`);
      for (const id of live) for (let n = 0; n <= life % 3; n++, counted++) count(id);
      if (life % 10 !== 0) continue;
      const { series: all } = readTotals(memory);
      const total = all.reduce((sum, { value }) => sum + value, 0);
      expect(total).to.equal(counted).and.to.be.at.least(before);
      before = total;
      const former = all.find(({ labels }) => labels.endpoint === undefined)?.value ?? 0;
      expect(former).to.be.at.least(formerly);
      formerly = former;
      const shown = new Set(all.map(({ labels }) => labels.endpoint));
      expect([...live].filter((id) => !shown.has(id))).to.deep.equal([]);
    }
    expect(formerly, 'rows were used again').to.be.above(0);
    expect(labelsOf(memory, PICKS)).to.have.length(TRANSIENT_KEPT + GONE_KEPT + 1);
    expect(readTotals(memory).overflow).to.equal(0);
  });

  it('keep the total of each, while some threads have used its row again and when it comes back', () => {
    const memory = new SeriesMemory();
    const threads = [1, 2].map((slot) => new SeriesTable(memory.of(slot)));
    const live = new Set(Array.from({ length: TRANSIENT_KEPT }, (_, n) => `i${n}`));
    const counts = threads.map((series) => instances(series, live));
    for (const count of counts) for (const id of live) for (let n = 0; n < 10; n++) count(id);
    const shown = () => {
      const values = new Map(
        readTotals(memory).series.map(({ labels, value }) => [labels.endpoint ?? 'none', value]),
      );
      return ['i0', 'none', 'new'].map((id) => values.get(id));
    };
    expect(shown()).to.deep.equal([20, undefined, undefined]);
    live.delete('i0');
    live.add('new');
    counts[0]!('new');
    expect(shown(), 'one thread has used its row again').to.deep.equal([20, undefined, 1]);
    counts[1]!('new');
    expect(shown(), 'both have').to.deep.equal([20, undefined, 2]);
    live.add('i0');
    counts[1]!('i0');
    expect(shown(), 'it is back').to.deep.equal([21, undefined, 2]);
    live.delete('new');
    // What was counted since the last reading belongs to no name when its row is used again.
    counts[1]!('new');
    counts[1]!('later');
    counts[0]!('i0');
    expect(shown(), 'the other one is gone').to.deep.equal([22, 1, 2]);
  });

  it('are read in turns with the totals of one moment, also when names are removed in between', async () => {
    const { memory, series } = table();
    const live = new Set<string>();
    const count = instances(series, live);
    let born = 0;
    const replace = (): void => {
      live.clear();
      for (let n = 0; n < TRANSIENT_KEPT; n++) {
        live.add(`i${++born}`);
        count(`i${born}`);
      }
    };
    for (let n = 0; n < GONE_KEPT / TRANSIENT_KEPT + 3; n++) {
      replace();
      readTotals(memory);
    }
    const counted = born;
    let pauses = 0;
    const { series: shown } = await new TotalsReader(memory).readInTurns(() => {
      if (++pauses < 6) return undefined;
      // Names are removed while those that are left are read.
      replace();
      readTotals(memory);
      return undefined;
    });
    expect(pauses, 'renamed counts are read in turns, too').to.be.greaterThan(GONE_KEPT / ROWS_PER_PAUSE);
    const sum = shown.filter(({ metric }) => metric === PICKS).reduce((total, { value }) => total + value, 0);
    expect(sum).to.equal(counted);
    expect(totalOf(memory, PICKS)).to.equal(born);
  });

  it('are removed as a whole, the one that is gone longest first, when too many are gone', () => {
    const { memory, series } = table();
    const live = new Set<string>();
    const count = instances(series, live);
    const lives = TRANSIENT_KEPT + GONE_KEPT;
    const shown = () => readTotals(memory).series.map(({ labels, value }) => [labels.endpoint, value]);
    for (let life = 0; life < lives + 2; life++) {
      live.clear();
      live.add(`i${life}`);
      count(`i${life}`);
      const ids = shown();
      expect(ids.length).to.equal(Math.min(life + 1, lives + 1));
    }
    expect(shown()).to.deep.include.members([
      [undefined, 2],
      ['i2', 1],
    ]);
    expect(totalOf(memory, PICKS)).to.equal(lives + 2);
  });

  it('reuse rows that have room for their names, whatever the lengths of names', () => {
    const { memory, series } = table();
    const live = new Set<string>();
    const count = instances(series, live);
    for (let life = 0; life < 3_000; life++) {
      live.clear();
      live.add(`${life}`.padEnd(life % 2 === 0 ? 4 : 400, '-'));
      for (const id of live) count(id);
    }
    expect(totalOf(memory, PICKS)).to.equal(3_000);
    expect(readTotals(memory).overflow).to.equal(0);
    expect(memory.of(1).byteLength).to.equal(SERIES_STEP);
  });

  it('are found again by the next thread of the slot, which reuses the rows of removed instances', () => {
    const { memory, series } = table();
    const live = new Set(Array.from({ length: TRANSIENT_KEPT }, (_, n) => `i${n}`));
    const count = instances(series, live);
    for (const id of live) count(id);
    const next = instances(new SeriesTable(memory.of(1)), live);
    live.delete('i0');
    live.add('new');
    for (const id of live) next(id);
    const values = new Map(
      readTotals(memory).series.map(({ labels, value }) => [labels.endpoint ?? 'gone', value]),
    );
    expect([values.get('gone'), values.get('new'), values.get('i1')]).to.deep.equal([1, 1, 2]);
    expect(values.size).to.equal(TRANSIENT_KEPT + 1);
  });

  it('are counted by service when there are more of them than rows', () => {
    const { memory, series } = table();
    const live = new Set(Array.from({ length: TRANSIENTS + 5 }, (_, n) => `i${n}`));
    const count = instances(series, live);
    for (const id of live) count(id);
    expect(totalOf(memory, PICKS)).to.equal(live.size);
    expect(labelsOf(memory, PICKS)).to.include('{"service":"orders"}');
    expect(readTotals(memory).overflow).to.equal(5);
  });

  it('keep their total when their thread is lost while it assigns a row to another instance', () => {
    const { memory, series } = table();
    const live = new Set(Array.from({ length: TRANSIENT_KEPT }, (_, n) => `i${n}`));
    const count = instances(series, live);
    for (const id of live) for (let n = 0; n < 3; n++) count(id);
    const [row] = rowsOf(memory.of(1));
    const total = 3 * TRANSIENT_KEPT;
    row!.words[NAME]! |= VERSION;
    expect(totalOf(memory, PICKS), 'before anything is written').to.equal(total);
    row!.words[BEFORE] = 3;
    new Uint8Array(memory.of(1), row!.at + 32 + row!.words[6]!, 4).fill(120);
    expect(totalOf(memory, PICKS), 'name half written').to.equal(total);
    const next = instances(new SeriesTable(memory.of(1)), live);
    next('another');
    expect(totalOf(memory, PICKS)).to.equal(total + 1);
    expect(labelsOf(memory, PICKS)).to.include('{"service":"orders","endpoint":"another"}');
    expect(labelsOf(memory, PICKS)).to.have.length(TRANSIENT_KEPT + 1);
  });

  it('are never read torn while their thread assigns rows to other instances, and their total never goes down', async () => {
    const memory = new SeriesMemory();
    const workerData: RenamingOrder = { memory: memory.of(1), metric: PICKS };
    const writer = new Worker(new URL('./renaming-thread.js', import.meta.url), { workerData });
    await once(writer, 'message');
    let before = 0;
    const seen = new Set<string>();
    try {
      while (seen.size < 200) {
        const { series } = readTotals(memory);
        for (const { labels, value } of series) {
          const { endpoint } = labels;
          if (endpoint === undefined) continue;
          expect(value, endpoint).to.be.oneOf([0, weightOf(endpoint)]);
          seen.add(endpoint);
        }
        const total = series.reduce((sum, { value }) => sum + value, 0);
        expect(total).to.be.at.least(before);
        before = total;
      }
    } finally {
      await writer.terminate();
    }
  });
});
