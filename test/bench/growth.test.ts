import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  figuresOf,
  noiseOfSeries,
  type PointFigures,
  type SeriesFigures,
} from '#bench/growth/measure-series.js';
import { type GrowthReport, growthCharts, growthMarkdown } from '#bench/growth/report.js';
import { type Point, SERIES_NAMES, seriesIn } from '#bench/growth/series.js';
import type { Measured } from '#bench/measure.js';
import { spread } from '#bench/statistics.js';
import { MACHINE, measured } from './kit.js';

const POINT = { label: '10 routes', connections: 64 };
const [BASE, AGAIN, OURS] = ['raw, 10 routes', 'raw again, 10 routes', '10 routes'] as const;

const seriesOf = (...servers: readonly Measured[]): SeriesFigures => ({
  name: 'routes',
  title: 'a parameter, by routes',
  shape: 'param',
  points: [figuresOf(POINT, 'param', servers)],
});

const reportOf = (...series: readonly SeriesFigures[]): GrowthReport => ({
  format: 2,
  date: '2026-01-01T00:00:00.000Z',
  machine: MACHINE,
  command: 'npm run bench:growth -- --rounds 3',
  options: {
    tool: 'wrk',
    toolVersion: '4.1.0',
    sharding: 'reuseport',
    duration: 2,
    rounds: 3,
    workers: 2,
    connections: 64,
    series: ['routes'],
  },
  servers: [{ name: 'raw', why: 'the core', versions: ['core 1.2.3'] }],
  noise: noiseOfSeries(series),
  series,
  notMeasured: [],
});

const CALM = [measured(BASE, 10, 10, 10), measured(AGAIN, 10.5, 10, 10), measured(OURS, 20, 15, 14)];

describe('a point of a series', () => {
  it('has the ratios of its calm rounds, which its own A/A ratios choose', () => {
    const [point] = seriesOf(...CALM, measured('raw, 100 routes', 99, 99, 99)).points;
    expect(point!.figures!.ours).to.deep.include({
      calmRounds: [1, 2],
      ratio: { median: 1.45, min: 1.4, max: 1.5 },
    });
  });

  it('is not measured without one of its three servers', () => {
    const series = seriesOf(...CALM.slice(1));
    expect(series.points[0]!.figures).to.equal(undefined);
    expect(growthMarkdown(reportOf(series))).to.match(/\| 10 routes \| +- \|/);
    expect(noiseOfSeries([series])).to.equal(null);
  });
});

describe('the noise of the series', () => {
  it('is the largest distance from 1 of an A/A ratio in a calm round of any point', () => {
    const noisy = seriesOf(measured(BASE, 10, 10), measured(AGAIN, 12, 11), measured(OURS, 15, 15));
    expect(noiseOfSeries([seriesOf(...CALM), noisy])).to.be.closeTo(Math.log(1.2), 1e-9);
  });
});

describe('the report of the series', () => {
  const text = growthMarkdown(reportOf(seriesOf(...CALM)));

  it('names the command, the options, the commit, the versions and the noise', () => {
    expect(text).to.include('`npm run bench:growth -- --rounds 3`').and.include('commit abc');
    expect(text).to.include(
      'wrk 4.1.0, 3 rounds of 2 s, reuseport; 2 workers and 64 connections where they do not grow',
    );
    expect(text)
      .to.include('a distance from 1 of up to 0.0 % is noise')
      .and.include('| raw    | core 1.2.3 |');
  });

  it('prints every figure with its range, and the ratio of raw to itself', () => {
    expect(text).to.include('| 1.45 (1.40..1.50) | 1.00 (1.00..1.00) |').and.include('PSS after the load');
  });

  it('marks points whose requests failed, and requests/s that the load tool has limited', () => {
    expect(text).not.to.include('!').and.not.include('\\*');
    const [point] = seriesOf(...CALM).points;
    const { ours, control, double } = point!.figures!;
    const withFigures = (figures: PointFigures['figures']) =>
      growthMarkdown(reportOf({ ...seriesOf(...CALM), points: [{ ...POINT, figures }] }));
    const failing = { ours: { ...ours, failedShare: 0.02 }, control, double };
    expect(withFigures(failing))
      .to.include('1.45 (1.40..1.50)! |')
      .and.include('More than 1 % of the requests');
    const saturated = { ours: { ...ours, generatorShare: spread([0.95]) }, control, double };
    expect(withFigures(saturated)).to.include('* |').and.include('The load tool used its whole core');
  });

  it('has no memory by connections, because none is open any more when it is read', () => {
    const series = { ...seriesOf(...CALM), name: 'connections' } as const;
    expect(growthMarkdown(reportOf(series))).not.to.include('PSS');
  });

  it('has a chart for each series', () => {
    const [file, ...rest] = growthCharts([seriesOf(...CALM)]);
    expect(rest).to.deep.equal([]);
    expect(file!.name).to.equal('routes.svg');
    expect(file!.svg).to.include('14.50 (1.45x)').and.include('raw, 10 routes');
  });
});

describe('the series', () => {
  let scratch: string;
  before(() => {
    scratch = mkdtempSync(join(tmpdir(), 'multilane-growth-'));
  });
  after(() => rmSync(scratch, { recursive: true }));

  it('start raw twice beside every server, with as many workers', () => {
    const around = { workers: 3, scratch, upstream: 'http://127.0.0.1:9' };
    const series = seriesIn(around, { sharding: 'reuseport', connections: 7 });
    expect(series.map(({ name }) => name)).to.deep.equal(SERIES_NAMES);
    const [routes, , workers, connections] = series;
    const workersOf = ({ subjects }: Point): unknown[] => [
      subjects!.ours.env!.WORKERS,
      subjects!.control.args.at(-1),
      subjects!.double.args.at(-1),
    ];
    expect(routes!.points.map(workersOf)).to.deep.equal(Array(4).fill(['3', '3', '3']));
    expect(workers!.points.map(workersOf)).to.deep.equal(['2', '4', '8'].map((n) => [n, n, n]));
    expect(routes!.points.map(({ connections: count }) => count)).to.deep.equal([7, 7, 7, 7]);
    expect(connections!.points.map(({ connections: count }) => count)).to.deep.equal([
      64, 256, 1024, 4096, 10_000,
    ]);
    expect(connections!.points.map(({ subjects }) => subjects === undefined)).to.deep.equal([
      false,
      true,
      true,
      true,
      true,
    ]);
  });

  for (const sharding of ['reuseport', 'acceptor'] as const) {
    it(`start all three with the same sharding: ${sharding}`, () => {
      const around = { workers: 3, scratch: join(scratch, sharding), upstream: 'http://127.0.0.1:9' };
      const started = seriesIn(around, { sharding, connections: 7 })
        .flatMap(({ points }) => points)
        .flatMap(({ subjects }) => subjects ?? []);
      expect(started).to.have.lengthOf(16);
      for (const { ours, control, double } of started) {
        expect(ours.env!.SHARDING, ours.name).to.equal(sharding);
        expect(control.args.at(-2), control.name).to.equal(sharding);
        expect(double.args, double.name).to.deep.equal(control.args);
      }
    });
  }

  it('start ours with more and more routes, in the series by routes alone', () => {
    const around = { workers: 3, scratch: join(scratch, 'routes'), upstream: 'http://127.0.0.1:9' };
    const counts = seriesIn(around, { sharding: 'reuseport', connections: 7 }).map(({ points }) =>
      points.map(({ subjects }) => subjects?.ours.env?.BENCH_ROUTES),
    );
    const routes = ['10', '100', '1000', '10000'];
    expect(counts.slice(0, 2)).to.deep.equal([routes, routes]);
    expect(new Set(counts.slice(2).flat())).to.deep.equal(new Set([undefined]));
  });
});
