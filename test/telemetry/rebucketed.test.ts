import { expect } from 'chai';
import fc from 'fast-check';
import { cellOf } from '#src/memory/metrics/histogram.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { boundsFrom } from '#src/memory/metrics/series-identity.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { readTotals } from '#src/memory/metrics/totals.js';
import { bucketsOf } from '#src/telemetry/buckets.js';
import { rebucketed } from '#src/telemetry/rebucketed.js';

const bounds = fc
  .uniqueArray(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 20 })
  .map((all) => all.sort((a, b) => a - b));
const values = fc.array(fc.integer({ min: 0, max: 1200 }), { minLength: 1, maxLength: 50 });

function recorded(edges: readonly number[], all: readonly number[]) {
  const memory = new SeriesMemory();
  const distribution = new SeriesTable(memory.of(1)).distribution('sizes', {}, edges);
  for (const value of all) distribution.record(value);
  return readTotals(memory).series[0]!;
}

/** Observations at or below each bound. */
const cumulative = (total: ReturnType<typeof recorded>): Map<number, number> => {
  const shown = bucketsOf(total, total.cells!);
  let count = 0;
  return new Map(
    shown.counts.map((inBucket, at) => {
      count += inBucket;
      return [shown.bounds[at] ?? Number.POSITIVE_INFINITY, count];
    }),
  );
};

describe('a histogram with buckets of its own', () => {
  it('has the observations at or below each inclusive bound, and their sum', () => {
    fc.assert(
      fc.property(bounds, values, (edges, all) => {
        const total = recorded(edges, all);
        for (const [bound, count] of cumulative(total)) {
          expect(count).to.equal(all.filter((value) => value <= bound).length);
        }
        expect(total.value).to.equal(all.reduce((sum, value) => sum + value, 0));
      }),
      { numRuns: 200 },
    );
  });

  it('keeps count and sum in other buckets, and the exact count at each bound that both have', () => {
    fc.assert(
      fc.property(bounds, bounds, values, (edges, others, all) => {
        const total = recorded(edges, all);
        const moved = rebucketed(total, others);
        expect(moved.value).to.equal(total.value);
        expect(moved.bounds).to.deep.equal(others);
        const [before, after] = [cumulative(total), cumulative(moved)];
        for (const [bound, count] of after) {
          // An observation is never shown below its value.
          expect(count).to.be.at.most(all.filter((value) => value <= bound).length);
          if (before.has(bound)) expect(count).to.equal(before.get(bound));
        }
        expect(after.get(Number.POSITIVE_INFINITY)).to.equal(all.length);
      }),
      { numRuns: 200 },
    );
  });

  it('is ignored when other code has overwritten its bounds', () => {
    expect(boundsFrom('1,2.5,1e3')).to.deep.equal([1, 2.5, 1000]);
    const tooMany = Array.from({ length: 96 }, (_, at) => at).join(',');
    for (const text of ['', 'a', '1,', '2,1', '1,1', '1,Infinity', 'NaN', '1,b', tooMany]) {
      expect(boundsFrom(text), text).to.equal(undefined);
    }
  });

  it('becomes a histogram of durations, and the other way round', () => {
    const durations = rebucketed(recorded([0.005, 0.1], [0.001, 0.05, 7]), undefined);
    expect(durations).to.not.have.property('bounds');
    expect(durations.value).to.equal(7_051_000);
    expect(durations.cells?.[cellOf(5_000)]).to.equal(1);
    expect(durations.cells?.[cellOf(100_000)]).to.equal(1);
    expect(durations.cells?.at(-1)).to.equal(1);
    const memory = new SeriesMemory();
    new SeriesTable(memory.of(1)).histogram('took', {}).record(4_000);
    const own = rebucketed(readTotals(memory).series[0]!, [0.005, 0.1]);
    expect(bucketsOf(own, own.cells!)).to.deep.include({ counts: [1, 0, 0], bounds: [0.005, 0.1] });
    expect(own.value).to.be.closeTo(0.004, 1e-9);
  });
});
