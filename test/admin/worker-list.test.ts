import { expect } from 'chai';
import fc from 'fast-check';
import { workerList } from '#src/admin/worker-list.js';
import { Block } from '#src/memory/block.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { SeriesStore } from '#src/memory/metrics/series-store.js';
import { OTHER_ROUTES, RouteNames, RouteNumbers } from '#src/memory/route-names.js';
import { occupySlot, WorkerRow } from '#src/memory/worker-row.js';

const DAY_MS = 86_400_000;

describe('the list of workers', () => {
  it('shows how long a handler has run, however long the process has', () => {
    const block = Block.create({ workers: 1 });
    occupySlot(block, 1, 1, 1);
    const series = new SeriesMemory();
    const numbers = new RouteNumbers(new SeriesStore(series.of(1)));
    const route = numbers.of({ method: 'GET', template: '/slow' });
    const threads = [
      { worker: 1, slot: 1, generation: 1, state: { kind: 'starting' }, startedAt: new Date(0) },
    ] as unknown as Parameters<typeof workerList>[0]['threads'];
    const uptimes = fc.oneof(
      fc.nat(1000 * DAY_MS),
      fc
        .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: -5000, max: 5000 }))
        .map(([n, off]) => n * 2 ** 31 + off),
    );
    fc.assert(
      fc.property(uptimes, fc.nat(49 * DAY_MS), (since, age) => {
        const worker = new WorkerRow(block, 1);
        const before = worker.enterRoute(route, since);
        const [view] = workerList({ threads }, block, series, () => since + age, new RouteNames());
        worker.leaveRoute(before);
        expect(view!.current).to.deep.equal({ route: '/slow', sinceMs: age });
      }),
    );
  });

  it('names no route for a handler whose route is not known, and shows that it runs', () => {
    const block = Block.create({ workers: 1 });
    occupySlot(block, 1, 1, 1);
    const threads = [
      { worker: 1, slot: 1, generation: 1, state: { kind: 'ready' }, startedAt: new Date(0) },
    ] as unknown as Parameters<typeof workerList>[0]['threads'];
    for (const route of [OTHER_ROUTES, 7]) {
      const worker = new WorkerRow(block, 1);
      const before = worker.enterRoute(route, 1_000);
      const [view] = workerList({ threads }, block, new SeriesMemory(), () => 1_500, new RouteNames());
      worker.leaveRoute(before);
      expect(view!.current).to.deep.equal({ route: null, sinceMs: 500 });
    }
  });

  it('shows no numbers of the thread that has the slot of an ended one now', () => {
    const block = Block.create({ workers: 1 });
    const common = { kind: 'http', slot: 1, isOverdue: false, startedAt: new Date(0) };
    const threads = [
      { ...common, worker: 1, generation: 3, state: { kind: 'dead', reason: 'crash' } },
      { ...common, worker: 1, generation: 4, state: { kind: 'dead', reason: 'crash' } },
      { ...common, worker: 2, generation: 4, state: { kind: 'ready' } },
    ] as unknown as Parameters<typeof workerList>[0]['threads'];
    occupySlot(block, 1, 2, 4);
    const row = new WorkerRow(block, 1);
    row.began(37);
    row.useHeap(2 ** 20);
    const views = workerList({ threads }, block, new SeriesMemory(), () => 1_000, new RouteNames());
    expect(views.map(({ inFlight, heapUsedMb }) => [inFlight, heapUsedMb])).to.deep.equal([
      [0, 0],
      [0, 0],
      [37, 1],
    ]);
  });

  it('shows a call within the process since its caller began to run', () => {
    const block = Block.create({ workers: 1 });
    occupySlot(block, 1, 1, 1);
    const series = new SeriesMemory();
    const numbers = new RouteNumbers(new SeriesStore(series.of(1)));
    const [outer, inner] = ['/outer', '/inner'].map((template) => numbers.of({ method: 'GET', template }));
    const threads = [
      { worker: 1, slot: 1, generation: 1, state: { kind: 'ready' }, startedAt: new Date(0) },
    ] as unknown as Parameters<typeof workerList>[0]['threads'];
    const current = () => workerList({ threads }, block, series, () => 1_500, new RouteNames())[0]!.current;
    const worker = new WorkerRow(block, 1);
    worker.enterRoute(outer!, 1_000);
    const before = worker.enterRoute(inner!, 1_400);
    expect(current()).to.deep.equal({ route: '/inner', sinceMs: 500 });
    worker.leaveRoute(before);
    expect(current()).to.deep.equal({ route: '/outer', sinceMs: 500 });
  });

  it('shows the route of code behind an await, since the last heartbeat at the longest', () => {
    const block = Block.create({ workers: 1 });
    occupySlot(block, 1, 1, 1);
    const series = new SeriesMemory();
    const route = new RouteNumbers(new SeriesStore(series.of(1))).of({ method: 'GET', template: '/slow' });
    const threads = [
      { worker: 1, slot: 1, generation: 1, state: { kind: 'starting' }, startedAt: new Date(0) },
    ] as unknown as Parameters<typeof workerList>[0]['threads'];
    const worker = new WorkerRow(block, 1);
    const current = () => workerList({ threads }, block, series, () => 1_500, new RouteNames())[0]!.current;
    worker.beat(1_000);
    worker.continueRoute(route);
    expect(current()).to.deep.equal({ route: '/slow', sinceMs: 500 });
    // A call in process that runs in it has a time of its own.
    const before = worker.enterRoute(route, 1_400);
    expect(current()).to.deep.equal({ route: '/slow', sinceMs: 100 });
    worker.leaveRoute(before);
    expect(current()).to.deep.equal({ route: '/slow', sinceMs: 500 });
    worker.pauseRoute();
    expect(current()).to.equal(null);
    worker.continueRoute(0);
    expect(current()).to.equal(null);
  });
});
