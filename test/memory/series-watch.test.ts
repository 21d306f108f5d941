import { expect } from 'chai';
import { WIDE } from '#src/memory/layout.js';
import type { Labels, Recorder } from '#src/memory/metrics/recorder.js';
import { clearGauges, SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { cellsOf, rowsOf } from '#src/memory/metrics/series-rows.js';
import { SeriesWatch } from '#src/memory/metrics/series-watch.js';

const SECONDS = 'http_server_request_duration_seconds';
const CALLS = 'multilane_calls_total';

function setUp() {
  const memory = new SeriesMemory();
  const found: string[] = [];
  const watch = new SeriesWatch({
    memory,
    rest: () => undefined,
    follow: (metric, labels) => {
      if (metric === 'unwanted') return undefined;
      const name = `${metric} ${Object.values(labels).join(' ')}`.trim();
      return {
        added: (n) => found.push(`${name} +${n}`),
        changed: (by) => found.push(`${name} by ${by}`),
        recorded: (cell, n) => found.push(`${name} [${cell}] +${n}`),
        reached: (us) => found.push(`${name} <= ${us}`),
      };
    },
  });
  const read = async (): Promise<string[]> => {
    await watch.read();
    return found.splice(0);
  };
  const table = (slot: number): Recorder => new SeriesTable(memory.of(slot));
  return { memory, watch, read, table };
}

describe('a watch of series', () => {
  it('passes on what was counted since the last reading, of old and new rows of all threads', async () => {
    const { read, table, watch } = setUp();
    const [one, two] = [table(1), table(2)];
    one.counter(CALLS, { to: 'a' }).add(3);
    expect(await read()).to.deep.equal([`${CALLS} a +3`]);
    expect(await read()).to.deep.equal([]);
    one.counter(CALLS, { to: 'a' }).add();
    two.counter(CALLS, { to: 'a' }).add(5);
    two.counter(CALLS, { to: 'b' }).add();
    expect(await read()).to.deep.equal([`${CALLS} a +1`, `${CALLS} a +5`, `${CALLS} b +1`]);
    expect(watch.rows).to.equal(3);
  });

  it('follows each series once, however many threads have it, and counts each of thousands of rows', async () => {
    const memory = new SeriesMemory();
    const counts = new Map<string, number>();
    let followed = 0;
    const follow = (_: string, { route = '' }: Labels) => {
      followed++;
      return { recorded: (_cell: number, n: number) => counts.set(route, (counts.get(route) ?? 0) + n) };
    };
    const watch = new SeriesWatch({ memory, rest: () => undefined, follow });
    const tables = [1, 2, 3].map((slot) => new SeriesTable(memory.of(slot)));
    const routes = 300;
    for (const [known, expected] of [
      [100, 3],
      [routes, 6],
    ] as const) {
      for (const table of tables)
        for (let n = 0; n < routes; n++)
          if (n < known) table.histogram(SECONDS, { route: `/${n}` }).record(n);
      await watch.read();
      expect(counts.get('/99')).to.equal(expected);
    }
    expect([...counts.values()].reduce((sum, n) => sum + n, 0)).to.equal(3 * (100 + routes));
    expect([counts.get('/299'), followed, watch.rows]).to.deep.equal([3, routes, 3 * routes]);
  });

  it('passes on the cells of a histogram that have grown, durations of 0 among them', async () => {
    const { read, table } = setUp();
    const durations = table(1).histogram(SECONDS, { route: '/a' });
    durations.record(5);
    durations.record(12);
    expect(await read()).to.deep.equal([
      `${SECONDS} /a [0] +1`,
      `${SECONDS} /a [1] +1`,
      `${SECONDS} /a <= 12`,
    ]);
    durations.record(0);
    durations.record(0);
    expect(await read()).to.deep.equal([`${SECONDS} /a [0] +2`]);
    durations.record(12);
    expect(await read()).to.deep.equal([`${SECONDS} /a [1] +1`]);
  });

  it('passes on by how much gauges have changed, and that a thread has ended', async () => {
    const { read, table, memory } = setUp();
    const gauge = table(1).gauge('connections', { state: 'used' });
    gauge.set(3);
    expect(await read()).to.deep.equal(['connections used by 3']);
    expect(await read()).to.deep.equal([]);
    gauge.set(1.5);
    expect(await read()).to.deep.equal(['connections used by -1.5']);
    clearGauges(memory.of(1));
    expect(await read()).to.deep.equal(['connections used by -1.5']);
  });

  it('counts on where the low word of a cell has passed 2^32', async () => {
    const { read, table } = setUp();
    const counter = table(1).counter(CALLS);
    counter.add(2 ** 32 - 1);
    expect(await read()).to.deep.equal([`${CALLS} +4294967295`]);
    counter.add(2);
    expect(await read()).to.deep.equal([`${CALLS} +2`]);
  });

  it('counts on where the low word of a cell of a histogram has passed 2^32', async () => {
    const { memory, read, table } = setUp();
    const durations = table(1).histogram(SECONDS);
    durations.record(12);
    const [row] = rowsOf(memory.of(1));
    const cells = cellsOf(memory.of(1), row!);
    const low = 1 * WIDE;
    expect(cells[low], 'what was recorded').to.equal(1);
    cells[low] = 2 ** 32 - 1;
    expect(await read()).to.deep.equal([`${SECONDS} [1] +4294967295`, `${SECONDS} <= 12`]);
    durations.record(12);
    durations.record(12);
    expect(await read()).to.deep.equal([`${SECONDS} [1] +2`]);
    durations.record(12);
    expect(await read()).to.deep.equal([`${SECONDS} [1] +1`]);
  });

  it('follows no metric that is not wanted, and no series of things that come and go', async () => {
    const { read, table, watch } = setUp();
    const one = table(1);
    one.counter('unwanted').add(3);
    one
      .transient(
        'multilane_balancer_picks_total',
        { service: 'a' },
        {
          ...{ label: 'endpoint', value: 'x' },
          isGone: () => false,
        },
      )
      .add(2);
    expect(await read()).to.deep.equal([]);
    expect(watch.rows).to.equal(0);
  });

  it('gives way to other work after each few rows, as long as it reads them', async () => {
    const memory = new SeriesMemory();
    const table = new SeriesTable(memory.of(1));
    for (let route = 0; route < 320; route++) table.counter(CALLS, { to: `s${route}` }).add();
    let rests = 0;
    let rows = 0;
    const watch = new SeriesWatch({
      memory,
      follow: () => ({ added: () => void rows++ }),
      rest: () => {
        rests += 1;
        return new Promise<void>(setImmediate);
      },
    });
    const read = watch.read();
    expect(rows).to.be.below(64);
    await read;
    expect([rows, rests]).to.deep.equal([320, 10]);
  });
});
