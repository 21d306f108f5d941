// Lists of thousands of routes: no turn of the event loop may be long, and clients share the work.
import { expect } from 'chai';
import { pageOf } from '#src/admin/views/pages.js';
import { RouteCandidates } from '#src/admin/views/route-candidates.js';
import { RouteList } from '#src/admin/views/route-list.js';
import { servedBy } from '#src/admin/views/service-list.js';
import { SharedPages } from '#src/admin/views/shared-pages.js';
import { READ_EVERY_MS, TrafficWatch } from '#src/admin/views/traffic-watch.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { seeded } from '#test/support/random.js';
import { turnsOf } from '#test/telemetry/turns.js';

const ROUTES = 3_000;
const KNOWN = Array.from({ length: ROUTES }, (_, n) => ({
  ...{ service: 'shop', method: 'GET', route: `/r${n}`, state: 'on' as const },
}));
const FIRST = { limit: 20, after: undefined };

async function setUp() {
  const memory = new SeriesMemory();
  const table = new SeriesTable(memory.of(1));
  let read = (): void => undefined;
  const watch = new TrafficWatch({
    memory,
    rest: () => undefined,
    later: (work) => {
      read = work;
      return () => undefined;
    },
  });
  const request = (http_route: string): void =>
    table
      .histogram('http_server_request_duration_seconds', { http_request_method: 'GET', http_route })
      .record(5);
  request('/r7');
  const traffic = await watch.lookAtOnce();
  const readAgain = async (): Promise<void> => {
    read();
    await new Promise(setImmediate);
  };
  return { traffic, request, readAgain };
}

describe('a page of a long list', () => {
  it('is the same as if the whole list were sorted, whatever its order and its limit', async () => {
    const random = seeded(16);
    const shuffled = Array.from({ length: 2_000 }, (_, n) => ({
      n,
      value: Math.floor(random() * 9),
      at: random(),
    }));
    shuffled.sort((a, b) => a.at - b.at);
    const compare = (a: { n: number; value: number }, b: typeof a): number => b.value - a.value || a.n - b.n;
    const sorted = shuffled.toSorted(compare);
    const order = { keyOf: ({ n, value }: { n: number; value: number }) => [-value, n], compare };
    for (const all of [shuffled, sorted, sorted.toReversed()])
      for (const limit of [1, 300, 1_999, 2_000]) {
        const [begun, rest] = [sorted.slice(0, 700), sorted.slice(700)];
        const first = await pageOf(all, order, { limit, after: undefined });
        expect(first.items).to.deep.equal(sorted.slice(0, limit));
        expect(first.nextCursor === null).to.equal(limit === 2_000);
        const next = await pageOf(all, order, { limit, after: order.keyOf(begun.at(-1)!) });
        expect(next.items).to.deep.equal(rest.slice(0, limit));
        expect(next.nextCursor === null).to.equal(limit >= rest.length);
      }
  });
});

describe('a long list of routes', () => {
  it('is made in turns, and the routes are put together only once', async () => {
    const { traffic } = await setUp();
    const candidates = new RouteCandidates(() => KNOWN);
    const sources = { candidates, cpuShares: undefined, dataPlane: () => undefined };
    const page = (by: 'busy' | 'errors') => new RouteList(sources).page(traffic, new Map(), FIRST, '', by);
    const first = await turnsOf(() => page('busy'));
    const second = await turnsOf(() => page('errors'));
    expect(second, 'to read the values, and to sort').to.be.above(60);
    expect(first, 'to put the routes together, too').to.be.above(second + 30);
    expect(await turnsOf(async () => servedBy(await candidates.of(traffic)))).to.be.above(30);
    const { counts } = (await servedBy(await candidates.of(traffic))).get('shop')!;
    expect(counts.total).to.equal(1);
  });

  it('has new routes, and what an operator has switched', async () => {
    const { traffic, request, readAgain } = await setUp();
    let known = KNOWN.slice(0, 10);
    const candidates = new RouteCandidates(() => known);
    const all = await candidates.of(traffic);
    expect(await candidates.of(traffic)).to.equal(all);
    request('/new');
    await readAgain();
    expect((await candidates.of(traffic)).at(-1)).to.include({ key: 'GET /new', known: undefined });
    known = known.slice(1);
    expect((await candidates.of(traffic)).map(({ key }) => key)).to.not.include('GET /r0');
  });
});

describe('pages that clients share', () => {
  it('are made once for each order and request, until a reading finds other requests', async () => {
    const { traffic, request, readAgain } = await setUp();
    let now = 5;
    const pages = new SharedPages<number>(() => now);
    let made = 0;
    let all: readonly object[] = [];
    const page = (order: string, limit = 20) =>
      pages.page({ traffic, all }, { limit, after: undefined }, [order], async () => ++made);
    const some = await Promise.all([page('busy'), page('busy'), page('p99'), page('busy', 21)]);
    expect(some).to.deep.equal([1, 1, 2, 3]);
    now += READ_EVERY_MS - 1;
    expect(await page('busy')).to.equal(1);
    now += 1;
    expect(await page('busy'), 'a second later').to.equal(4);
    all = [];
    expect(await page('busy'), 'another list').to.equal(5);
    await readAgain();
    expect(await page('busy'), 'no request since').to.equal(5);
    request('/r7');
    await readAgain();
    expect(await page('busy'), 'a request').to.equal(6);
  });

  it('are no more than a few', async () => {
    const { traffic } = await setUp();
    const pages = new SharedPages<number>(() => 5);
    let made = 0;
    const page = (order: string) => pages.page({ traffic, all: KNOWN }, FIRST, [order], async () => ++made);
    for (let n = 0; n < 100; n++) await page(`search ${n}`);
    expect(await page('search 99')).to.equal(100);
    expect(await page('search 0')).to.equal(101);
  });
});
