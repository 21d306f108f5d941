// The limit of what the page shows of a metric.
import { expect } from 'chai';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { TotalsReader } from '#src/memory/metrics/totals.js';
import { linesOf } from '#src/telemetry/exposition-text.js';
import { ALL_SERIES_TEXT_BYTES, SERIES_TEXT_BYTES, SeriesLimit } from '#src/telemetry/series-limit.js';

/** A thread that counts, and what is shown of it. */
function limited() {
  const memory = new SeriesMemory();
  const reader = new TotalsReader(memory, { isShown: new SeriesLimit().isShown });
  return { table: new SeriesTable(memory.of(1)), read: () => reader.read() };
}

describe('the limit of the series of a metric', () => {
  it('is that of all metrics of services together as well, and a metric keeps what it has', () => {
    const { table, read: readAll } = limited();
    const [metrics, longer] = [Array.from({ length: 8 }, (_, n) => `visits_${n}_total`), 'x'.repeat(900)];
    const add = (metric: string, count: number): void => {
      for (let n = 0; n < count; n++) table.counter(metric, { name: `${longer}${n}` }).add();
    };
    const read = () => {
      const { series: rows, merged } = readAll();
      const shown = rows.filter(({ labels }) => 'name' in labels);
      const bytes = shown.reduce(
        (sum, row) => sum + Buffer.byteLength(linesOf(row.metric, row, 'openmetrics')),
        0,
      );
      const counted = rows.reduce((sum, { value }) => sum + value, 0);
      return {
        shown: new Set(shown.map(({ metric, labels }) => `${metric} ${labels.name}`)),
        merged,
        bytes,
        counted,
      };
    };
    for (const metric of metrics) add(metric, 100);
    const first = read();
    expect(first.shown.size).to.equal(800);
    for (const metric of metrics) add(metric, 250);
    const second = read();
    expect(second.bytes).to.be.within(0.9 * ALL_SERIES_TEXT_BYTES, ALL_SERIES_TEXT_BYTES);
    expect([...first.shown].filter((one) => !second.shown.has(one))).to.deep.equal([]);
    const merged = [...second.merged.values()].reduce((sum, count) => sum + count, 0);
    expect(merged).to.equal(8 * 250 - second.shown.size);
    expect(second.counted).to.equal(8 * 350);
  });

  it('shows no shorter series either, once one had no room', () => {
    const { table, read } = limited();
    const longer = 'x'.repeat(900);
    for (let n = 0; n < 300; n++) table.counter('visits_total', { name: `${longer}${n}` }).add();
    const first = read();
    const shown = (series: typeof first.series) =>
      series.filter(({ labels }) => 'name' in labels).map(({ labels }) => labels.name);
    expect(shown(first.series).length).to.be.within(250, Math.floor(SERIES_TEXT_BYTES / 900));
    expect(first.merged.get('visits_total')).to.equal(300 - shown(first.series).length);
    table.counter('visits_total', { name: 'short' }).add();
    expect(shown(read().series)).to.deep.equal(shown(first.series));
  });
});
