// `GET /limits` reads the series of all threads.
import { expect } from 'chai';
import { limitsRoute } from '#src/admin/limits-route.js';
import { Block } from '#src/memory/block.js';
import { sharedClock } from '#src/memory/clock.js';
import { RATE_BUCKETS } from '#src/memory/layout.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { RateTable } from '#src/memory/rate/rate-table.js';
import { turnsOf } from '#test/telemetry/turns.js';

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

  it('leaves the event loop to others while it counts the keys of many rate limits', async () => {
    const block = Block.create({ workers: 1, rateBuckets: RATE_BUCKETS });
    const clock = sharedClock(block);
    const table = RateTable.of(block, clock);
    for (let n = 0; n < 4; n++) table.limit(`limit ${n}`, 60_000, 10).take('a');
    const { read } = limitsRoute(SETTINGS, { block, clock, series: new SeriesMemory() }, { threads: [] });
    let inUse: number | undefined;
    const turns = await turnsOf(async () => {
      inUse = (await read(() => ({}))).rateLimits.keys.inUse;
    });
    expect(inUse).to.equal(4);
    expect(turns).to.be.greaterThan(100);
  });
});
