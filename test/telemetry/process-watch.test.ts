import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { type Every, ownInterval } from '#src/grouped-interval.js';
import { ProcessWatch } from '#src/telemetry/process-watch.js';
import { Exposition } from '#src/telemetry/prometheus.js';
import { descriptorsOf } from '#test/support/open-files.js';

const STATISTICS = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'] as const;
type Delays = Partial<Record<(typeof STATISTICS)[number], number>>;
const MS = 1e6;

/** Values of the page by their line without the value. */
async function valuesOf(exposition: Exposition): Promise<Map<string, string>> {
  const text = await exposition.render('prometheus');
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), line.split(' ').at(-1)!]));
}

const delaysIn = (values: Map<string, string>): Delays =>
  Object.fromEntries(
    STATISTICS.flatMap((name) => {
      const value = values.get(`nodejs_eventloop_lag_${name}_seconds`);
      return value === undefined ? [] : [[name, Number(value)]];
    }),
  );

function block(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until; );
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

const collections = (values: Map<string, string>, kind: string): number =>
  Number(values.get(`nodejs_gc_duration_seconds_count{kind="${kind}"}`) ?? 0);

describe('the watch of the process', () => {
  it('has counted delays and collections since its start when the first scrape comes', async () => {
    const exposition = new Exposition([]);
    for (let n = 0; n < 3; n++) collectGarbage();
    await sleep(120);
    block(300);
    await sleep(120);
    const values = await valuesOf(exposition);
    expect(collections(values, 'major')).to.be.at.least(3);
    expect(values.get('nodejs_gc_duration_seconds_bucket{le="+Inf",kind="major"}')).to.equal(
      values.get('nodejs_gc_duration_seconds_count{kind="major"}'),
    );
    const delays = delaysIn(values);
    expect(Object.keys(delays)).to.deep.equal(STATISTICS);
    // In seconds; the machine may add some.
    expect(delays.max).to.be.within(0.25, 30);
    expect(delays.min).to.be.within(0.009, 0.1);
    // One long delay among those of 10 ms: the mean is not that of the slow timer alone.
    expect(delays.mean).to.be.within(delays.min!, delays.max! / 2);
    expect(delays.p50).to.be.within(0.009, 0.05);
  });

  it('has no value that no delay has: in scrapes at the start, close together, and later', async () => {
    const exposition = new Exposition([]);
    for (const pauseMs of [0, 0, 0, 5, 60, 0, 0, 60]) {
      await sleep(pauseMs);
      const values = await valuesOf(exposition);
      for (const [name, value] of values)
        expect(Number.isFinite(Number(value)), `${name} ${value}`).to.equal(true);
      for (const value of Object.values(delaysIn(values))) expect(value).to.be.within(0, 60);
    }
  });

  it('shows the delays since the scrape before, also the second time', async () => {
    const exposition = new Exposition([]);
    block(300);
    expect(delaysIn(await valuesOf(exposition)).max).to.be.at.least(0.2);
    await sleep(100);
    await valuesOf(exposition);
    await sleep(50);
    block(200);
    await sleep(50);
    expect(delaysIn(await valuesOf(exposition)).max).to.be.within(0.2, 2);
  });

  it('has one slow timer until the delays are read, and then none of that kind', () => {
    const intervals = new Set<number>();
    const every: Every = (ms, work) => {
      intervals.add(ms);
      const stop = ownInterval(ms, work);
      return () => {
        intervals.delete(ms);
        stop();
      };
    };
    const watch = new ProcessWatch(every);
    expect([...intervals]).to.deep.equal([50]);
    expect(watch.loopDelays.take()?.min).to.be.at.least(9.9 * MS);
    expect(intervals.size).to.equal(0);
    watch.stop();
  });
});

describe('the open files of the process', () => {
  it('are counted in turns, however many there are', async function () {
    if (process.platform !== 'linux') this.skip();
    const opened = Array.from({ length: 600 }, () => fs.openSync('/dev/null', 'r'));
    const exposition = new Exposition([]);
    await exposition.render('prometheus');
    const readAtOnce: unknown[] = [];
    const read = Reflect.get(fs, 'readdirSync') as (...given: unknown[]) => unknown;
    fs.readdirSync = ((...given: unknown[]) => {
      readAtOnce.push(given[0]);
      return Reflect.apply(read, fs, given);
    }) as typeof fs.readdirSync;
    try {
      const values = await valuesOf(exposition);
      expect(readAtOnce).to.deep.equal([]);
      const open = descriptorsOf(process.pid).length;
      expect(Number(values.get('process_open_fds')))
        .to.be.within(open - 20, open + 20)
        .and.above(600);
    } finally {
      fs.readdirSync = read as typeof fs.readdirSync;
      for (const file of opened) fs.closeSync(file);
    }
  });
});
