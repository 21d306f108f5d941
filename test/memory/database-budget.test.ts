import { expect } from 'chai';
import fc from 'fast-check';
import { Block } from '#src/memory/block.js';
import { DatabaseBudget } from '#src/memory/database-budget.js';

const WORKERS = 3;
const POOLS = 2;

describe('the database budget', () => {
  let now: number;
  /** The budgets of the pools of every worker, one worker after the other. */
  const setUp = (most: number) => {
    now = 1_000;
    const clock = () => now;
    const block = Block.create({ workers: WORKERS });
    DatabaseBudget.configure(block, most);
    const pools = Array.from(
      { length: WORKERS * POOLS },
      (_, at) => new DatabaseBudget(block, 1 + Math.floor(at / POOLS), at % POOLS, clock),
    );
    return { block, pools, usage: () => DatabaseBudget.usage(block, clock) };
  };

  it('lends no more than its connections over all workers, and released ones again', () => {
    const { pools, usage } = setUp(2);
    expect(pools[0]!.tryAcquire()).to.equal(true);
    expect(pools[2]!.tryAcquire()).to.equal(true);
    expect(pools[4]!.tryAcquire()).to.equal(false);
    pools[0]!.release();
    expect(pools[4]!.tryAcquire()).to.equal(true);
    expect(usage()).to.deep.equal({ held: 2, most: 2, waiting: 0 });
  });

  it('reclaims the connections of a lost worker and forgets its claims, once', () => {
    const { block, pools, usage } = setUp(3);
    pools[0]!.tryAcquire();
    pools[1]!.tryAcquire();
    pools[2]!.tryAcquire();
    pools[1]!.announceWaiting();
    expect(usage()).to.deep.equal({ held: 3, most: 3, waiting: 1 });
    expect(DatabaseBudget.reclaim(block, 1)).to.equal(2);
    expect(DatabaseBudget.reclaim(block, 1)).to.equal(0);
    expect(usage()).to.deep.equal({ held: 1, most: 3, waiting: 0 });
  });

  it('tells all pools the smallest holding among those that wait in vain, as long as these renew their claims', () => {
    const { pools } = setUp(2);
    const poorest = () => pools.map((pool) => pool.poorestWaiting);
    pools[0]!.tryAcquire();
    pools[2]!.tryAcquire();
    pools[0]!.announceWaiting();
    expect(poorest()).to.deep.equal([undefined, 1, 1, 1, 1, 1]);
    pools[5]!.announceWaiting();
    expect(poorest()).to.deep.equal([0, 0, 0, 0, 0, 1]);
    pools[5]!.endWaiting();
    expect(poorest()).to.deep.equal([undefined, 1, 1, 1, 1, 1]);
    now += 100;
    expect(poorest()).to.deep.equal(Array(6).fill(undefined));
  });

  it('makes no pool give up a connection while one is free', () => {
    const { pools } = setUp(1);
    pools[0]!.tryAcquire();
    pools[2]!.announceWaiting();
    expect(pools[0]!.poorestWaiting).to.equal(0);
    pools[0]!.release();
    expect(pools[0]!.poorestWaiting).to.equal(undefined);
  });

  it('keeps a free connection for the pool that holds fewer, then for the one that has waited longer', () => {
    const { pools } = setUp(3);
    const [rich, , late, , early] = pools as [DatabaseBudget, never, DatabaseBudget, never, DatabaseBudget];
    for (let count = 0; count < 3; count++) rich.tryAcquire();
    rich.announceWaiting();
    now += 5;
    early.announceWaiting();
    now += 5;
    late.announceWaiting();
    rich.release();
    expect([rich.tryAcquire(), late.tryAcquire(), early.tryAcquire()]).to.deep.equal([false, false, true]);
    early.endWaiting();
    rich.release();
    expect([rich.tryAcquire(), late.tryAcquire()]).to.deep.equal([false, true]);
  });

  it('moves a pool that got a connection, or gave one up, to the end of the line', () => {
    const { pools } = setUp(1);
    const [first, , second] = pools as [DatabaseBudget, never, DatabaseBudget];
    first.announceWaiting();
    now += 10;
    second.announceWaiting();
    expect(first.tryAcquire()).to.equal(true);
    first.announceWaiting();
    now += 10;
    second.announceWaiting();
    first.release();
    first.announceWaiting();
    expect([first.tryAcquire(), second.tryAcquire()]).to.deep.equal([false, true]);
  });

  it('is not delayed by a pool that does not take its turn', () => {
    const { pools } = setUp(1);
    pools[2]!.announceWaiting();
    now += 99;
    expect(pools[0]!.tryAcquire()).to.equal(false);
    now += 1;
    expect(pools[0]!.tryAcquire()).to.equal(true);
  });

  it('keeps the order when the 32-bit clock wraps around', () => {
    const { pools } = setUp(1);
    now = 2 ** 31 - 10;
    pools[0]!.tryAcquire();
    pools[2]!.announceWaiting();
    now += 20;
    expect(pools[0]!.poorestWaiting).to.equal(0);
    pools[4]!.announceWaiting();
    pools[0]!.release();
    expect([pools[4]!.tryAcquire(), pools[2]!.tryAcquire()]).to.deep.equal([false, true]);
    pools[2]!.release();
    now += 100;
    expect(pools[0]!.poorestWaiting).to.equal(undefined);
  });

  it('shares the connections that a server grants as if they were all, as long as a refused pool waits', () => {
    now = 1_000;
    const block = Block.create({ workers: WORKERS });
    DatabaseBudget.configure(block, 10);
    const hand = (slot: number, server: string) => new DatabaseBudget(block, slot, 0, () => now, server);
    const [rich, poor, elsewhere] = [hand(1, 'a:5432'), hand(2, 'a:5432'), hand(3, 'b:5432')];
    for (let count = 0; count < 3; count++) expect(rich.tryAcquire()).to.equal(true);
    expect(poor.tryAcquire()).to.equal(true);
    poor.refused();
    expect(DatabaseBudget.usage(block, () => now).held).to.equal(3);
    expect(poor.tryAcquire()).to.equal(false);
    poor.announceWaiting();
    expect(rich.poorestWaiting).to.equal(0);
    expect(elsewhere.poorestWaiting).to.equal(undefined);
    expect(rich.tryAcquire(), 'the poorer one comes first').to.equal(false);
    expect(elsewhere.tryAcquire(), 'another server').to.equal(true);
    rich.release();
    expect(rich.tryAcquire(), 'not taken back').to.equal(false);
    expect(poor.tryAcquire(), 'what was released').to.equal(true);
    poor.endWaiting();
    expect(rich.poorestWaiting).to.equal(undefined);
  });

  it('lets a pool try a server again after a while when it has refused one', () => {
    const { pools } = setUp(10);
    const [hand] = pools as [DatabaseBudget];
    expect(hand.tryAcquire()).to.equal(true);
    hand.refused();
    now += 499;
    expect(hand.tryAcquire()).to.equal(false);
    now += 1;
    expect(hand.tryAcquire()).to.equal(true);
  });

  it('follows its rules in any sequence, and counts the sum of what the pools hold', () => {
    const pool = fc.nat(WORKERS * POOLS - 1);
    const action = fc.constantFrom('acquire', 'acquire', 'release', 'want', 'rest', 'reclaim', 'wait');
    const steps = fc.array(fc.record({ pool, action, ms: fc.nat(120) }), { maxLength: 60 });
    fc.assert(
      fc.property(fc.nat(5), steps, (most, sequence) => {
        const { block, pools, usage } = setUp(most);
        const model = pools.map(() => ({
          held: 0,
          since: Number.NaN,
          said: Number.NaN,
          sinceThen: 0,
          heldThen: 0,
        }));
        const sum = (): number => model.reduce((total, { held }) => total + held, 0);
        for (const { pool: at, action: what, ms } of sequence) {
          const [hand, mine] = [pools[at]!, model[at]!];
          const others = model.filter((one) => one !== mine && now - one.said < 100);
          if (what === 'acquire') {
            const since = Number.isNaN(mine.since) ? now : mine.since;
            const first = others.filter(
              (one) =>
                one.heldThen < mine.held ||
                (one.heldThen === mine.held &&
                  (one.sinceThen < since || (one.sinceThen === since && model.indexOf(one) < at))),
            ).length;
            const expected = most - sum() > first;
            expect(hand.tryAcquire()).to.equal(expected);
            if (expected) Object.assign(mine, { held: mine.held + 1, since: Number.NaN });
          } else if (what === 'want') {
            hand.announceWaiting();
            if (Number.isNaN(mine.since)) mine.since = now;
            Object.assign(mine, { said: now, sinceThen: mine.since, heldThen: mine.held });
          } else if (what === 'rest') {
            hand.endWaiting();
            Object.assign(mine, { since: Number.NaN, said: Number.NaN });
          } else if (what === 'release' && mine.held > 0) {
            hand.release();
            Object.assign(mine, { held: mine.held - 1, since: Number.NaN });
          } else if (what === 'reclaim') {
            const from = Math.floor(at / POOLS) * POOLS;
            const lost = model.slice(from, from + POOLS);
            expect(DatabaseBudget.reclaim(block, 1 + from / POOLS)).to.equal(
              lost.reduce((total, { held }) => total + held, 0),
            );
            for (let next = from; next < from + POOLS; next++) {
              pools[next] = new DatabaseBudget(block, 1 + from / POOLS, next - from, () => now);
              Object.assign(model[next]!, { held: 0, since: Number.NaN, said: Number.NaN });
            }
          } else if (what === 'wait') now += ms;
          expect(usage().held).to.equal(sum());
        }
      }),
    );
  });

  it('gives every waiting pool its turn, in whatever order they check', () => {
    const orders = fc.array(fc.shuffledSubarray([0, 1, 2, 3, 4, 5], { minLength: 6 }), {
      minLength: 40,
      maxLength: 40,
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), orders, (most, rounds) => {
        const { pools } = setUp(most);
        const holds = pools.map(() => false);
        /** For each waiting pool, how often each of the others has had a turn meanwhile. */
        const passed: (number[] | undefined)[] = pools.map(() => undefined);
        let turns = 0;
        for (const order of rounds) {
          now += 25;
          for (const at of order) {
            const hand = pools[at]!;
            if (holds[at]) hand.release();
            holds[at] = !holds[at] && hand.tryAcquire();
            if (holds[at]) {
              turns++;
              hand.endWaiting();
              passed[at] = undefined;
              for (const counts of passed) if (counts) expect(++counts[at]!).to.be.at.most(2);
            } else {
              hand.announceWaiting();
              passed[at] ??= pools.map(() => 0);
            }
          }
        }
        // Every pool holds its connections for a round, so none is idle for long.
        expect(turns).to.be.at.least((most * rounds.length) / 4);
      }),
    );
  });
});
