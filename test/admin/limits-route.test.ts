// `GET /limits` reads the series of all threads.
import { expect } from 'chai';
import { limitsRoute } from '#src/admin/limits-route.js';
import { Block } from '#src/memory/block.js';
import { sharedClock } from '#src/memory/clock.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';

const SETTINGS = {
  maxInFlight: 100,
  adaptiveLimit: 'on',
  rateLimit: null,
  maxPendingBodies: 10,
  maxBufferedBodyBytes: 1_000_000,
  maxStreams: 10,
  maxStreamsPerAddress: undefined,
} as unknown as Parameters<typeof limitsRoute>[0];

describe('the route of limits', () => {
  it('reads many series without a pause as long as its turn is short', async () => {
    const block = Block.create({ workers: 1 });
    const series = new SeriesMemory();
    const table = new SeriesTable(series.of(1));
    for (let n = 0; n < 200; n++) table.counter('multilane_requests_shed_total', { reason: `r${n}` }).add(n);
    const shared = { block, clock: sharedClock(block), series };
    const { route } = limitsRoute(SETTINGS, shared, { threads: [] });
    const now = performance.now.bind(performance);
    const frozen = now();
    let turns = 0;
    performance.now = () => frozen;
    try {
      setImmediate(() => turns++);
      const request = { params: {}, query: new URLSearchParams(), body: undefined } as never;
      const { json } = (await route.handler(request)) as { readonly json: unknown };
      expect(turns).to.equal(0);
      expect(json).to.have.nested.property('concurrency.shed.r199', 199);
    } finally {
      performance.now = now;
    }
  });
});
