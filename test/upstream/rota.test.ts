import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import fc from 'fast-check';
import { Block } from '#src/memory/block.js';
import { EndpointCells } from '#src/memory/endpoint-cells.js';
import { Balancer, type Route } from '#src/upstream/balancer.js';
import { Candidates } from '#src/upstream/candidates.js';
import { roundRobinPicker } from '#src/upstream/strategies/round-robin.js';
import { seeded } from '#test/support/random.js';
import { ALL_SETTLED, endpoint } from './endpoints.js';
import { fakeLoad } from './fake-load.js';
import { tally } from './tally.js';

const cells = (): EndpointCells => new EndpointCells(Block.create({ workers: 1 }), 1, () => 0);
const candidatesOf = (weights: readonly number[]): Candidates =>
  new Candidates(weights.map((weight, slot) => endpoint(`i${slot}`, { weight, slot })));

/** @returns how often each one comes in turns from `from` on */
function counted(candidates: Candidates, turns: number, from = 0): number[] {
  const counts = candidates.endpoints.map(() => 0);
  for (let turn = from; turn < from + turns; turn++) counts[candidates.inTurn(turn)]!++;
  return counts;
}

describe('turns of endpoints', () => {
  it('give each exactly its weight in every cycle, wherever it begins', () => {
    const weights = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(weights, fc.nat(), (list, from) => {
        const cycle = list.reduce((sum, weight) => sum + weight, 0);
        expect(counted(candidatesOf(list), cycle, from)).to.deep.equal(list);
      }),
    );
  });

  it('are as long as the smallest cycle with these shares', () => {
    expect(counted(candidatesOf([2_000, 1_000, 3_000]), 6)).to.deep.equal([2, 1, 3]);
  });

  it('come one after the other where weights are equal', () => {
    const candidates = candidatesOf([7, 7, 7]);
    expect([0, 1, 2, 3, 4, 5].map((turn) => candidates.inTurn(turn))).to.deep.equal([0, 1, 2, 0, 1, 2]);
  });

  it('of a heavy one are spread over the cycle', () => {
    const candidates = candidatesOf([5, 1, 1, 1, 1, 1]);
    const order = Array.from({ length: 10 }, (_, turn) => (candidates.inTurn(turn) === 0 ? 'a' : '-')).join(
      '',
    );
    expect(order).to.not.match(/aaa|---/);
  });

  it('keep to the weights where these are the largest that can be registered', () => {
    const weights = Array.from({ length: 10_000 }, (_, n) => (n % 2 === 0 ? 65_535 : 65_534));
    const counts = counted(candidatesOf(weights), 200_000);
    for (const count of counts) expect(count).to.be.within(15, 25);
  });
});

describe('round-robin', () => {
  it('takes turns over all threads of the process', async () => {
    const block = Block.create({ workers: 2 });
    const thread = new URL('./turn-thread.js', import.meta.url);
    const workers = [1, 2].map((slot) => new Worker(thread, { workerData: { buffer: block.buffer, slot } }));
    const picks = await Promise.all(
      workers.map((worker) => new Promise<number[]>((resolve) => worker.once('message', resolve))),
    );
    for (const slot of [0, 1, 2]) expect(picks[0]![slot]! + picks[1]![slot]!).to.equal(2_000);
  });

  /** The picks of the first `count` endpoints, of which some are new and keep this share of their picks. */
  const picksWhile = (shares: readonly number[], count: number, seed: number): readonly number[] => {
    const load = cells();
    const endpoints = shares.map((_, slot) => endpoint(`i${slot}`, { slot }));
    const balancer = new Balancer({
      endpoints: () => endpoints,
      picker: roundRobinPicker(load, Math.random),
      statuses: {
        version: () => 0,
        of: (slot) => ({ share: shares[slot]!, forMs: Number.POSITIVE_INFINITY }),
      },
      clock: () => 0,
      random: seeded(seed),
    });
    const counts = shares.map(() => 0);
    for (let n = 0; n < count; n++) counts[balancer.pick('orders', new Set())!.slot]!++;
    return counts;
  };

  it('stays even among all others while some are new, which get their share', () => {
    const count = fc.integer({ min: 2, max: 12 });
    const share = fc.double({ min: 0.05, max: 0.95, noNaN: true });
    fc.assert(
      fc.property(
        count,
        fc.array(fc.tuple(fc.nat(11), share), { minLength: 1, maxLength: 3 }),
        fc.nat(),
        (n, some, seed) => {
          const shares = Array.from({ length: n }, () => 1);
          for (const [index, one] of some) shares[index % n] = one;
          fc.pre(shares.includes(1));
          const turns = 2_000;
          const counts = picksWhile(shares, turns * n, seed);
          const settled = counts.filter((_, index) => shares[index] === 1);
          expect(Math.max(...settled) - Math.min(...settled)).to.be.at.most(2);
          // Six standard deviations of a binomial distribution, at least.
          for (const [index, one] of shares.entries())
            if (one < 1) expect(counts[index]).to.be.closeTo(one * turns, 3 * Math.sqrt(turns));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('gives each kind of call all of its endpoints evenly, however the kinds alternate', () => {
    const kinds: readonly Route[] = [
      {},
      { version: '1' },
      { version: '2' },
      { overNetwork: true },
      { protocol: 'grpc' },
    ];
    const versions = fc.array(fc.constantFrom('1', '2'), { minLength: 2, maxLength: 8 });
    const order = fc.array(fc.constantFrom(...kinds), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(versions, order, (of, routes) => {
        const endpoints = of.map((version, slot) => endpoint(`i${slot}`, { version, slot }));
        const balancer = new Balancer({
          endpoints: () => endpoints,
          picker: roundRobinPicker(cells(), Math.random),
          statuses: ALL_SETTLED,
          clock: () => 0,
          random: () => 0,
        });
        const picked = new Map(routes.map((route) => [route, of.map(() => 0)]));
        for (let n = 0; n < 20; n++)
          for (const route of routes) {
            const pick = balancer.pick('orders', new Set(), undefined, route);
            if (pick !== undefined) picked.get(route)![pick.slot]!++;
          }
        for (const [{ version }, counts] of picked) {
          const own = counts.filter((_, slot) => version === undefined || of[slot] === version);
          if (own.length > 0) expect(Math.max(...own) - Math.min(...own)).to.be.at.most(1);
        }
      }),
    );
  });

  it('goes on after the count of turns has wrapped around', () => {
    const load = fakeLoad();
    const late = {
      ...load,
      turn: (list: number) => (load.turn(list) + 2 ** 32 - 5) >>> 0,
    };
    for (const count of tally(roundRobinPicker(late, Math.random), [1, 1, 1], 3_000))
      expect(count).to.be.within(998, 1_002);
  });
});
