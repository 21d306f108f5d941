import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { AdmissionCells, readAdmission, reclaimAdmission } from '#src/memory/admission-cells.js';
import { Block } from '#src/memory/block.js';
import { ROUTES } from '#src/memory/layout.js';
import { seeded } from '#test/support/random.js';
import type { Crowding } from './admission-crowd.js';
import { atEachMoment } from './stepped-atomics.js';

const THREADS = 4;

function setUp() {
  const block = Block.create({ workers: 2 });
  const cellsOf = (slot: number) => new AdmissionCells(Block.attach(block.buffer), slot);
  return { block, one: cellsOf(1), two: cellsOf(2) };
}

async function crowd(block: Block, most: number): Promise<readonly [number, number]> {
  const seen = new SharedArrayBuffer(12);
  await Promise.all(
    Array.from({ length: THREADS }, async (_, index) => {
      const workerData: Crowding = { memory: block.buffer, slot: index + 1, seen, threads: THREADS, most };
      await once(new Worker(new URL('./admission-crowd.js', import.meta.url), { workerData }), 'exit');
    }),
  );
  const [, inside, mostInside] = new Int32Array(seen);
  return [inside!, mostInside!];
}

describe('requests in flight', () => {
  it('are counted over all threads, for the process and for each route', () => {
    const { one, two } = setUp();
    const [a, b, other] = [one.routeOf('a'), two.routeOf('a'), two.routeOf('b')];
    expect([a.enter(), b.enter(), other.enter(), a.enter()]).to.deep.equal([0, 1, 2, 3]);
    expect([a.inFlight, b.inFlight, other.inFlight, one.inFlight]).to.deep.equal([3, 3, 1, 4]);
    b.leave();
    expect([a.inFlight, other.inFlight, two.inFlight]).to.deep.equal([2, 1, 3]);
  });

  it('are known by the name of each route that has a row, however long the name is', () => {
    const { one, two } = setUp();
    const names = ['a', `GET /${'ä'.repeat(200)}`, `GET /${'ä'.repeat(200)}/other`];
    names.forEach((name, at) => {
      for (let n = 0; n <= at; n++) two.routeOf(name).enter();
    });
    const inFlightOf = one.inFlightByRoute();
    expect([...names, 'none'].map(inFlightOf)).to.deep.equal([1, 2, 3, 0]);
  });

  it('are not known of a single route that shares a row, unless no such route has any', () => {
    const { one, two } = setUp();
    const routes = Array.from({ length: ROUTES + 2 }, (_, n) => two.routeOf(`route ${n}`));
    routes[0]!.enter();
    const shared = (): unknown[] => [0, ROUTES, ROUTES + 1].map((n) => one.inFlightByRoute()(`route ${n}`));
    expect(shared()).to.deep.equal([1, 0, 0]);
    routes[ROUTES]!.enter();
    expect(shared()).to.deep.equal([1, null, null]);
    routes[ROUTES]!.leave();
    expect(shared()).to.deep.equal([1, 0, 0]);
  });

  it('of a lost worker are released, and its published load is cleared; those of other workers stay', () => {
    const { block, one, two } = setUp();
    const state = { isShedding: true, boundMs: 12.5, owedMs: 30, holdMs: 100 };
    for (const cells of [one, two]) {
      cells.publish(state);
      for (const name of ['a', 'b']) cells.routeOf(name).enter();
    }
    one.routeOf('a').publishCosts(1, 4);
    expect(readAdmission(block, 1)).to.deep.equal({ inFlight: 2, ...state });
    for (let n = 0; n < 2; n++) reclaimAdmission(block, 1);
    const nothing = { inFlight: 0, isShedding: false, boundMs: 0, owedMs: 0, holdMs: 0 };
    expect(readAdmission(block, 1)).to.deep.equal(nothing);
    expect(readAdmission(block, 2)).to.deep.equal({ inFlight: 2, ...state });
    expect([one.inFlight, one.routeOf('a').inFlight]).to.deep.equal([2, 1]);
    expect(one.routeOf('a').leavingMs, 'the costs of a route are kept').to.equal(4);
  });

  it('never exceed MAX_IN_FLIGHT under four threads, and end at none', async () => {
    const block = Block.create({ workers: THREADS });
    const [inside, most] = await crowd(block, 100);
    expect(inside).to.equal(0);
    expect(most).to.be.within(51, 100);
    expect(new AdmissionCells(block, 0).inFlight).to.equal(0);
  });

  it('of one route never exceed its share under four threads, while another route has one', async () => {
    const block = Block.create({ workers: THREADS });
    const another = new AdmissionCells(block, 0).routeOf('another');
    // This is more than a quarter of MAX_IN_FLIGHT, from which on the routes share the rest.
    for (let n = 0; n < 300; n++) another.enter();
    const [inside, most] = await crowd(block, 1_000);
    expect(inside).to.equal(0);
    // Seven times the 87 permits that are free then.
    expect(most).to.be.within(400, 613);
    expect(another.inFlight).to.equal(300);
  });
});

describe('routes', () => {
  it('have one cost in all threads: that of the thread which measured the lowest total', () => {
    const { one, two } = setUp();
    const [mine, theirs] = [one.routeOf('a'), two.routeOf('a')];
    expect([mine.enteringMs, mine.leavingMs], 'unknown').to.deep.equal([0, 0]);
    mine.publishCosts(1.5, 4.25);
    expect([theirs.enteringMs, theirs.leavingMs]).to.deep.equal([1.5, 4.25]);
    theirs.publishCosts(2, 1);
    expect([mine.enteringMs, mine.leavingMs]).to.deep.equal([2, 1]);
    mine.publishCosts(1e12, 0);
    expect([theirs.enteringMs, theirs.leavingMs]).to.deep.equal([2, 1]);
  });

  it('have the costs that living threads measure, and without any those of the thread that ended last', () => {
    const block = Block.create({ workers: 3 });
    const random = seeded(5);
    const slots = [1, 2, 3];
    const routes = slots.map((slot) => new AdmissionCells(Block.attach(block.buffer), slot).routeOf('a'));
    const shown = new AdmissionCells(block, 0);
    shown.routeOf('a');
    const living = new Map<number, number>();
    let left = 0;
    for (let step = 1; step <= 500; step++) {
      const slot = slots[Math.floor(random() * slots.length)]!;
      if (random() < 0.5) {
        // All measurements differ. A part may be zero.
        const [enteringMs, leavingMs] = random() < 0.5 ? [step, 0] : [0.5, 1 + ((step * 37) % 500)];
        routes[slot - 1]!.publishCosts(enteringMs, leavingMs);
        living.set(slot, enteringMs + leavingMs);
      } else {
        reclaimAdmission(block, slot);
        left = living.get(slot) ?? left;
        living.delete(slot);
      }
      const expected = living.size > 0 ? Math.min(...living.values()) : left;
      for (const { enteringMs, leavingMs } of routes) expect(enteringMs + leavingMs).to.equal(expected);
      expect(shown.usage()[0]!.costMs).to.equal(expected);
    }
  });

  it('beyond the number of rows are counted as one, together with their number', () => {
    const { one, two } = setUp();
    const named = Array.from({ length: ROUTES }, (_, n) => one.routeOf(`route ${n}`));
    const [a, b] = [one.routeOf('one more'), one.routeOf('and another')];
    const theirs = two.routeOf('one more');
    for (const route of [...named, a, b, theirs]) route.enter();
    expect([one.inFlight, one.sharing, two.sharing]).to.deep.equal([ROUTES + 3, 2, 1]);
    expect(named.map(({ inFlight }) => inFlight)).to.deep.equal(Array<number>(ROUTES).fill(1));
    expect([a, b, theirs].map(({ inFlight }) => inFlight)).to.deep.equal([3, 3, 3]);
    expect(one.usage().at(-1)).to.deep.equal({ name: 'other routes', inFlight: 3, costMs: 0 });
    a.publishCosts(5, 5);
    expect(b.enteringMs, 'the costs of one route do not apply to another').to.equal(0);
    b.leave();
    expect([one.inFlight, a.inFlight]).to.deep.equal([ROUTES + 2, 2]);
  });

  it('beyond the number of rows are released with the thread that held their requests', () => {
    const { block, one, two } = setUp();
    for (let n = 0; n < ROUTES; n++) one.routeOf(`route ${n}`);
    for (const cells of [one, two]) cells.routeOf('one more').enter();
    reclaimAdmission(block, 1);
    expect([two.inFlight, two.routeOf('one more').inFlight]).to.deep.equal([1, 1]);
  });

  it('have a row of their own however long their names are', () => {
    const { one, two } = setUp();
    const long = (end: string): string => `GET /${'ä'.repeat(400)}${end}`;
    const [a, b, theirs] = [one.routeOf(long('a')), one.routeOf(long('b')), two.routeOf(long('a'))];
    for (const route of [a, b, theirs]) route.enter();
    expect([a, b].map(({ inFlight }) => inFlight)).to.deep.equal([2, 1]);
    expect(one.sharing).to.equal(0);
    for (const { name } of one.usage()) expect(name).to.match(/^GET \/ä+~[0-9a-f]{8}$/);
  });

  it('count a request for the route before they count it for the process, so that of two concurrent requests one sees both', () => {
    const { one, two } = setUp();
    const [entering, seen] = [one.routeOf('a'), two.routeOf('a')];
    let moments = 0;
    const isCounted = (): void => {
      moments++;
      if (two.inFlight === 1) expect(seen.inFlight).to.equal(1);
    };
    atEachMoment(isCounted, () => entering.enter());
    expect(moments).to.be.above(0);
    expect([two.inFlight, seen.inFlight]).to.deep.equal([1, 1]);
  });
});
