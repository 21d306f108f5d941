import { expect } from 'chai';
import fc from 'fast-check';
import { HISTOGRAM_CELLS } from '#src/memory/layout.js';
import { cellOf, HISTOGRAM_EDGES_US, LE_BOUNDS_US, quantile } from '#src/memory/metrics/histogram.js';

const SECOND = 1_000_000;

describe('histogram cells', () => {
  it('have an edge at every bound that Prometheus shows', () => {
    for (const bound of LE_BOUNDS_US) expect(HISTOGRAM_EDGES_US).to.include(bound);
    expect(HISTOGRAM_EDGES_US.length).to.be.lessThan(HISTOGRAM_CELLS);
  });

  it('have rising edges that differ by at most 19.2 % up to 10 s, and by 21.5 % below 70 us, where whole microseconds are far apart', () => {
    for (let index = 1; index < HISTOGRAM_EDGES_US.length; index++) {
      const [low, high] = [HISTOGRAM_EDGES_US[index - 1]!, HISTOGRAM_EDGES_US[index]!];
      expect(high).to.be.greaterThan(low);
      if (high <= 10 * SECOND) expect(high / low).to.be.at.most(low < 70 ? 1.215 : 1.192);
    }
  });

  it('distinguish durations of up to an hour', () => {
    const beyond = HISTOGRAM_EDGES_US.filter((edge) => edge > 10 * SECOND);
    expect(beyond.map((edge) => edge / SECOND)).to.deep.equal([15, 20, 30, 45, 60, 120, 300, 900, 3600]);
  });

  it('count every duration in the first cell whose edge is not below it', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.nat(2 ** 32 - 1), fc.nat(2e7), fc.constantFrom(...HISTOGRAM_EDGES_US)),
        (us) => {
          for (const value of [us, us + 1]) {
            const searched = HISTOGRAM_EDGES_US.findIndex((edge) => value <= edge);
            expect(cellOf(value)).to.equal(searched === -1 ? HISTOGRAM_EDGES_US.length : searched);
          }
        },
      ),
      { numRuns: 5_000 },
    );
  });

  it('count every duration beyond the last edge in the last cell, however long', () => {
    fc.assert(
      fc.property(fc.integer({ min: 3_600_000_001, max: Number.MAX_SAFE_INTEGER }), (us) => {
        expect(cellOf(us)).to.equal(HISTOGRAM_EDGES_US.length);
      }),
    );
    for (const power of [32, 33, 52]) expect(cellOf(2 ** power)).to.equal(HISTOGRAM_EDGES_US.length);
  });

  it('compute a quantile by nearest rank, within one cell above the true value, and never above the longest duration', () => {
    const durations = fc.oneof(fc.integer({ min: 11, max: 9_000_000 }), fc.nat(2 ** 40));
    fc.assert(
      fc.property(
        fc.array(durations, { minLength: 1, maxLength: 200 }),
        fc.constantFrom(0.5, 0.9, 0.99, 1),
        (values, q) => {
          const cells = new Array<number>(HISTOGRAM_CELLS).fill(0);
          for (const value of values) cells[cellOf(value)]!++;
          const sorted = [...values].sort((a, b) => a - b);
          const exact = sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]!;
          const longest = sorted.at(-1)!;
          const edge = HISTOGRAM_EDGES_US[cellOf(exact)] ?? longest;
          expect(quantile(cells, q, longest))
            .to.equal(Math.min(edge, longest))
            .and.to.be.at.least(exact);
          expect(quantile(cells, 1, longest)).to.equal(longest);
        },
      ),
    );
  });
});
