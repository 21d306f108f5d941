import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { BULKHEADS, BULKHEADS_BY_CALLS } from '#src/memory/layout.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { readTotals } from '#src/memory/metrics/totals.js';
import { type ConcurrencyLimits, createConcurrencyLimits } from '#src/worker/concurrency-limits.js';

const SETTINGS = {
  maxInFlight: 100,
  adaptiveLimit: false,
  maxPendingBodies: 10,
  maxBufferedBodyBytes: 1_000,
  maxStreams: 10,
  maxStreamsPerAddress: undefined,
};

function setUp() {
  const block = Block.create({ workers: 2 });
  const series = new SeriesMemory();
  const boundsOf = (slot: number): ConcurrencyLimits =>
    createConcurrencyLimits({ block, slot, recorder: new SeriesTable(series.of(slot)) }, SETTINGS);
  const overflow = (): number =>
    readTotals(series).series.find(({ metric }) => metric === 'multilane_bulkhead_overflow_total')?.value ??
    0;
  return { boundsOf, overflow };
}

describe('places of calls', () => {
  it('are bounded for any number of services, and leave rows to routes of code that is loaded later', () => {
    const { boundsOf, overflow } = setUp();
    const [one, two] = [boundsOf(1), boundsOf(2)];
    const entered = (bounds: ConcurrencyLimits, service: string): boolean =>
      bounds.callPermitsOf(service).permits.enter(1);
    for (let n = 0; n < 2 * BULKHEADS; n++) expect(entered(one, `s${n}`), `s${n}`).to.equal(true);
    for (let n = 0; n < 2 * BULKHEADS; n++) expect(entered(one, `s${n}`), `s${n} again`).to.equal(false);
    for (let n = 0; n < BULKHEADS_BY_CALLS; n++)
      expect(entered(two, `s${n}`), `s${n} elsewhere`).to.equal(false);
    expect(overflow()).to.equal(2 * BULKHEADS - BULKHEADS_BY_CALLS);
    for (let n = 0; n < BULKHEADS - BULKHEADS_BY_CALLS; n++) {
      expect(two.bulkhead(`GET /r${n}`).permits.enter(1), `r${n}`).to.equal(true);
      expect(one.bulkhead(`GET /r${n}`).permits.enter(1), `r${n} elsewhere`).to.equal(false);
    }
    for (let n = 0; n < 2 * BULKHEADS; n++) one.callPermitsOf(`s${n}`).permits.leave();
    for (let n = 0; n < 2 * BULKHEADS; n++) expect(entered(one, `s${n}`), `s${n} afterwards`).to.equal(true);
  });
});
