// What every balancing strategy must do (src/upstream/picker.ts): a new strategy is in the list once it has a
// name.
import { expect } from 'chai';
import fc from 'fast-check';
import { Block } from '#src/memory/block.js';
import { EndpointCells } from '#src/memory/endpoint-cells.js';
import type { Endpoint } from '#src/registry/endpoint.js';
import { Balancer } from '#src/upstream/balancer.js';
import { Candidates } from '#src/upstream/candidates.js';
import { pickersOf } from '#src/upstream/pickers.js';
import { PICKER_NAMES } from '#src/upstream-options.js';
import { AGES_MS, SILENCES_MS } from '#test/memory/ages.js';
import { seeded } from '#test/support/random.js';
import { ALL_SETTLED, endpoint } from '#test/upstream/endpoints.js';
import { type FakeLoadOptions, fakeLoad } from '#test/upstream/fake-load.js';
import { tally } from '#test/upstream/tally.js';

/** The loads of ten endpoints under which the cases run. */
const LOADS: Readonly<Record<string, FakeLoadOptions>> = {
  'no load': {},
  'no calls, and reports of none': { others: Array.from({ length: 10 }, () => 0) },
  'many calls everywhere': {
    inFlight: Array.from({ length: 10 }, () => 1_000),
    others: Array.from({ length: 10 }, () => 1_000),
  },
  'failures everywhere': { failing: Array.from({ length: 10 }, (_, slot) => slot) },
};
const NOT_TRIED: ReadonlySet<string> = new Set();

for (const name of PICKER_NAMES) {
  describe(`the picker "${name}"`, () => {
    const factoryWith = (load: FakeLoadOptions, seed = 42) => pickersOf(fakeLoad(load), seeded(seed))[name];

    for (const [what, load] of Object.entries(LOADS)) {
      const factory = factoryWith(load);

      it(`picks the only candidate, with ${what}`, () => {
        const only = endpoint('only');
        expect(factory().pick(new Candidates([only]))).to.equal(only);
      });

      it(`picks one of the candidates, whatever those of the pick before were, with ${what}`, () => {
        const lists = fc.array(
          fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 10 }),
          { maxLength: 30 },
        );
        fc.assert(
          fc.property(lists, (idLists) => {
            const picker = factory();
            for (const ids of idLists) {
              const candidates = ids.map((id) => endpoint(`i${id}`, { slot: id, weight: 1 + id }));
              expect(candidates).to.include(picker.pick(new Candidates(candidates)));
            }
          }),
        );
      });

      it(`spreads picks evenly over candidates of equal weight, with ${what}`, () => {
        for (const count of tally(factory, [1, 1, 1, 1], 4_000)) expect(count).to.be.within(850, 1_150);
      });

      it(`spreads picks evenly over many candidates, with ${what}`, () => {
        const counts = tally(
          factory,
          Array.from({ length: 10 }, () => 1),
          10_000,
        );
        for (const count of counts) expect(count).to.be.within(850, 1_150);
      });
    }

    it('gives candidates without load a share in proportion to their weights', () => {
      const [light, heavy] = tally(factoryWith({}), [1, 3], 8_000);
      expect(light).to.be.within(1_800, 2_200);
      expect(heavy).to.be.within(5_800, 6_200);
    });

    it('makes the same picks again by the same chance', () => {
      const load = { inFlight: [3, 1, 4, 1, 5], latency: [9_000, 2_000, 6_000, 5_000, 3_000] };
      const picks = (seed: number) => tally(factoryWith(load, seed), [1, 2, 3, 2, 1], 500);
      expect(picks(7)).to.deep.equal(picks(7));
    });

    it('never picks an endpoint that a balancer must avoid', () => {
      const endpoints = Array.from({ length: 12 }, (_, slot) => endpoint(`i${slot}`, { slot }));
      const ids = fc.subarray(endpoints.map(({ id }) => id));
      fc.assert(
        fc.property(ids, ids, (tried, open) => {
          const balancer = new Balancer({
            endpoints: () => endpoints,
            picker: factoryWith({}),
            statuses: ALL_SETTLED,
            clock: () => 0,
            random: () => 0,
          });
          const isOpen = ({ id }: Endpoint): boolean => open.includes(id);
          const left = endpoints.filter((one) => !isOpen(one) && !tried.includes(one.id));
          for (let n = 0; n < 20; n++) {
            const picked = balancer.pick('orders', new Set(tried), isOpen);
            if (left.length > 0) expect(left).to.include(picked);
            else expect(picked === undefined || !isOpen(picked)).to.equal(true);
          }
        }),
      );
    });

    it('goes on at any age of the process and after any silence', () => {
      const time = { now: 0 };
      const load = new EndpointCells(Block.create({ workers: 1 }), 1, () => time.now);
      const picker = pickersOf(load, seeded(3))[name]();
      const candidates = new Candidates([1, 2, 3].map((slot) => endpoint(`i${slot}`, { slot })));
      for (const age of AGES_MS) {
        for (const silence of SILENCES_MS) {
          time.now = age;
          for (const slot of [1, 2, 3]) {
            load.observe(slot, 1_000);
            load.failed(slot);
            load.report(slot, 5, 1_000);
          }
          time.now += silence;
          expect(candidates.endpoints).to.include(picker.pick(candidates));
        }
      }
    });
  });
}

describe('a strategy that a service or a call names', () => {
  it('is used for it, and others keep theirs', () => {
    const endpoints = [1, 2, 3].map((slot) => endpoint(`i${slot}`, { slot }));
    const pickers = pickersOf(fakeLoad({ inFlight: [0, 0, 9, 9] }), seeded(1));
    const balancer = new Balancer({
      endpoints: () => endpoints,
      picker: pickers.p2c,
      pickers,
      upstreams: { turns: { picker: 'round-robin' } },
      statuses: ALL_SETTLED,
      clock: () => 0,
      random: () => 0,
    });
    const picked = (service: string, route = {}): string =>
      Array.from({ length: 6 }, () => balancer.pick(service, NOT_TRIED, undefined, route)?.slot).join('');
    expect(picked('turns')).to.equal('123123');
    expect(picked('turns', { picker: 'p2c' })).to.not.equal('123123');
    expect(picked('orders', { picker: 'round-robin' })).to.equal('123123');
  });
});

describe('a service whose endpoints take turns', () => {
  it('spreads its calls exactly, and what an open breaker or a retry leaves evenly', () => {
    const endpoints = [1, 2, 3].map((slot) => endpoint(`i${slot}`, { slot }));
    const pickers = pickersOf(fakeLoad(), seeded(1));
    const balancer = new Balancer({
      endpoints: () => endpoints,
      picker: pickers['round-robin'],
      statuses: ALL_SETTLED,
      clock: () => 0,
      random: () => 0,
    });
    for (const out of [1, 2, 3]) {
      const isOut = ({ slot }: { readonly slot: number }): boolean => slot === out;
      const [all, beside] = [
        [0, 0, 0, 0],
        [0, 0, 0, 0],
      ];
      for (let n = 0; n < 3_000; n++) {
        const first = balancer.pick('orders', NOT_TRIED)!;
        all[first.slot]!++;
        expect(balancer.has('orders', isOut)).to.equal(true);
        // As a call whose breaker rejects its first endpoint, or that is repeated.
        if (isOut(first)) beside[balancer.pick('orders', NOT_TRIED, isOut)!.slot]!++;
        if (n % 7 === 0) balancer.pick('orders', new Set([first.id]));
      }
      expect(all).to.deep.equal([0, 1_000, 1_000, 1_000]);
      for (const { slot } of endpoints) {
        if (slot === out) expect(beside[slot]).to.equal(0);
        else expect(beside[slot]).to.be.within(440, 560);
      }
    }
    expect(balancer.has('orders', () => true)).to.equal(false);
    expect(balancer.has('orders', () => false, { version: 'none' })).to.equal(false);
  });
});

describe('the picker that services have by default', () => {
  const picksWith = (known: readonly number[]) => {
    const looked: number[] = [];
    const load = fakeLoad({ others: [0, 0, 0, 0] });
    const seen = {
      ...load,
      hasReported: (slot: number) => known.includes(slot),
      look(slot: number, now: number) {
        looked.push(slot);
        return load.look(slot, now);
      },
    };
    tally(pickersOf(seen, seeded(1)).auto, [1, 1, 1, 1], 400);
    return looked.length;
  };

  it('compares reports where instances report, and calls of this process where they do not', () => {
    expect(picksWith([])).to.equal(0);
    const all = picksWith([0, 1, 2, 3]);
    expect(all).to.be.greaterThan(1_500);
    expect(picksWith([0, 2])).to.be.within(0.4 * all, 0.6 * all);
  });
});
