import { expect } from 'chai';
import { flightsRoute } from '#src/admin/flights-route.js';
import { Block } from '#src/memory/block.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { RouteNames } from '#src/memory/route-names.js';
import { occupySlot } from '#src/memory/worker-row.js';
import type { RecentRequest } from '#src/telemetry/recent-requests.js';
import { FakeWorker } from '#test/flight-record/kit.js';
import { get, json } from '#test/support/client.js';
import { closePlanes, plane } from './admin-fixture.js';

type Threads = Parameters<typeof flightsRoute>[0]['threads'];

describe('the flight records of a worker that is being replaced', () => {
  afterEach(closePlanes);

  /** Worker 1 has a thread that drains, in slot 1, and its successor, in slot 3. */
  async function replaced() {
    const block = Block.create({ workers: 3 });
    const series = new SeriesMemory();
    const threads = [
      { worker: 1, generation: 1, slot: 1 },
      { worker: 2, generation: 1, slot: 2 },
      { worker: 1, generation: 2, slot: 3 },
    ];
    const workers = threads.map(
      ({ worker, generation, slot }) => new FakeWorker(block, series, slot, worker, generation),
    );
    const [draining, other, successor] = workers as [FakeWorker, FakeWorker, FakeWorker];
    draining.begin('/export', 1_000, 'draining-ended')();
    draining.begin('/export', 1_100, 'draining-in-flight');
    other.begin('/other', 1_200, 'other');
    successor.begin('/new', 1_300, 'successor-ended')();
    successor.begin('/new', 1_400, 'successor-in-flight');
    const memory = { block, series, names: new RouteNames(), clock: () => 2_000 };
    const { url } = await plane([flightsRoute({ threads: threads as unknown as Threads }, memory)]);
    const ids = async (worker: number) => {
      const { items } = await json<{ items: RecentRequest[] }>(await get(`${url}/flights?worker=${worker}`));
      return items.map(({ requestId }) => requestId);
    };
    return { block, ids };
  }

  it('are listed of both threads: those in flight first, each newest first', async () => {
    const { ids } = await replaced();
    expect(await ids(1)).to.deep.equal([
      'successor-in-flight',
      'draining-in-flight',
      'successor-ended',
      'draining-ended',
    ]);
    expect(await ids(2)).to.deep.equal(['other']);
  });

  it('leave out a thread that has ended, whose row belongs to another worker by now', async () => {
    const { block, ids } = await replaced();
    occupySlot(block, 1, 2, 2);
    expect(await ids(1)).to.deep.equal(['successor-in-flight', 'successor-ended']);
  });
});
