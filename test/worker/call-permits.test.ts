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
  const limitsOf = (slot: number): ConcurrencyLimits =>
    createConcurrencyLimits({ block, slot, recorder: new SeriesTable(series.of(slot)) }, SETTINGS);
  const overflow = (): number =>
    readTotals(series).series.find(({ metric }) => metric === 'multilane_bulkhead_overflow_total')?.value ??
    0;
  return { limitsOf, overflow };
}

/** Whether a request of a route that admits one at a time is admitted. */
function enteredRoute(limits: ConcurrencyLimits, name: string): boolean {
  const request = { isAborted: false, signal: undefined, hold: () => undefined };
  try {
    return limits.bulkhead(name, { limit: 1, queue: 0, queueMs: 1 }).enter(request) === undefined;
  } catch (error) {
    expect(error).to.have.property('code', 'OVERLOADED');
    return false;
  }
}

describe('permits of calls with the option maxConcurrent', () => {
  it('bound the calls of any number of services, and leave rows in shared memory to routes that are loaded later', () => {
    const { limitsOf, overflow } = setUp();
    const [one, two] = [limitsOf(1), limitsOf(2)];
    const entered = (limits: ConcurrencyLimits, service: string): boolean =>
      limits.callPermitsOf(service).permits.enter(1);
    for (let n = 0; n < 2 * BULKHEADS; n++) expect(entered(one, `s${n}`), `s${n}`).to.equal(true);
    for (let n = 0; n < 2 * BULKHEADS; n++) expect(entered(one, `s${n}`), `s${n} again`).to.equal(false);
    for (let n = 0; n < BULKHEADS_BY_CALLS; n++)
      expect(entered(two, `s${n}`), `s${n} elsewhere`).to.equal(false);
    expect(overflow()).to.equal(2 * BULKHEADS - BULKHEADS_BY_CALLS);
    for (let n = 0; n < BULKHEADS - BULKHEADS_BY_CALLS; n++) {
      expect(enteredRoute(two, `GET /r${n}`), `r${n}`).to.equal(true);
      expect(enteredRoute(one, `GET /r${n}`), `r${n} elsewhere`).to.equal(false);
    }
    for (let n = 0; n < 2 * BULKHEADS; n++) one.callPermitsOf(`s${n}`).permits.leave();
    for (let n = 0; n < 2 * BULKHEADS; n++) expect(entered(one, `s${n}`), `s${n} afterwards`).to.equal(true);
  });
});
