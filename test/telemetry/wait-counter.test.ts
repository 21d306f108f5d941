// How long callers wait for a database connection, as a counter of whole seconds.
import { expect } from 'chai';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { readTotals } from '#src/memory/metrics/totals.js';
import { waitCounter } from '#src/telemetry/connection-gauges.js';

describe('multilane_database_wait_seconds_total', () => {
  it('counts whole seconds of all pools, and what is less with later ones', () => {
    const memory = new SeriesMemory();
    const pools = [{ waitedMs: 900 }, { waitedMs: 0 }];
    const count = waitCounter(new SeriesTable(memory.of(1)), 'shop', pools);
    const seen = [
      [900, 0],
      [900, 200],
      [1_900, 200],
      [1_900, 200],
      [5_000, 7_999],
    ].map((waited) => {
      pools.forEach((pool, n) => {
        pool.waitedMs = waited[n]!;
      });
      count();
      return readTotals(memory).series.map(({ labels, value }) => [labels.pool, value]);
    });
    expect(seen.map(([one]) => one)).to.deep.equal([0, 1, 2, 2, 12].map((seconds) => ['shop', seconds]));
  });
});
