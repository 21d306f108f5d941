import { expect } from 'chai';
import fc from 'fast-check';
import type { Endpoint } from '#src/registry/endpoint.js';
import { Balancer } from '#src/upstream/balancer.js';
import { HashCircle } from '#src/upstream/hash-circle.js';
import { endpointOfKey } from '#src/upstream/strategies/consistent-hash.js';
import { p2cPicker } from '#src/upstream/strategies/power-of-two-choices.js';
import { broken, setUp } from './call-kit.js';
import { endpoint, jsonResponse } from './endpoints.js';

const IDLE = { inFlight: () => 0, latency: () => 0, now: () => 0 };
const ANY = (): boolean => true;
const many = (count: number, weight = (_n: number): number => 1): Endpoint[] =>
  Array.from({ length: count }, (_, n) => endpoint(`i${n}`, { slot: n, weight: weight(n) }));
const keys = (count: number): string[] => Array.from({ length: count }, (_, n) => `user-${n}`);
const idsOf = (endpoints: readonly Endpoint[], of: readonly string[]): (string | undefined)[] => {
  const circle = HashCircle.of(endpoints);
  return of.map((key) => endpointOfKey(circle, key, IDLE, ANY)?.id);
};

const NONE: ReadonlySet<string> = new Set();
const weights = fc.array(fc.integer({ min: 1, max: 65_535 }), { minLength: 1, maxLength: 20 });
const balancerOf = (endpoints: readonly Endpoint[], isOut: (slot: number) => boolean): Balancer =>
  new Balancer({
    endpoints: () => endpoints,
    picker: p2cPicker(IDLE, Math.random),
    statuses: {
      version: () => 0,
      of: (slot) => ({ share: isOut(slot) ? 0 : 1, forMs: Number.POSITIVE_INFINITY }),
    },
    clock: () => 0,
    random: Math.random,
  });

describe('calls with a key', () => {
  it('go to the same endpoint, whatever the order of the endpoints is and whichever process makes them', () => {
    const some = keys(500);
    const ids = idsOf(many(20), some);
    expect(idsOf(many(20).toReversed(), some)).to.deep.equal(ids);
    expect(new Set(ids).size).to.equal(20);
  });

  it('move only from an endpoint that leaves, or to one that comes', () => {
    const size = fc.integer({ min: 2, max: 30 });
    const heaviest = fc.integer({ min: 1, max: 12 });
    fc.assert(
      fc.property(size, fc.nat(), heaviest, (count, at, most) => {
        // All but one may leave without a change of the unit of weight.
        const all = [...many(count, (n) => 1 + (n % most)), endpoint('light')];
        const gone = all[at % count]!;
        const some = keys(200);
        const before = idsOf(all, some);
        const after = idsOf(
          all.filter((one) => one !== gone),
          some,
        );
        for (const [index, id] of before.entries()) if (id !== gone.id) expect(after[index]).to.equal(id);
      }),
    );
  });

  it('are spread evenly, by weight', () => {
    const some = keys(40_000);
    for (const weight of [() => 1, (n: number) => 1 + (n % 3), (n: number) => 1_000 + 370 * n]) {
      const endpoints = many(12, weight);
      const counts = new Map<string | undefined, number>();
      for (const id of idsOf(endpoints, some)) counts.set(id, (counts.get(id) ?? 0) + 1);
      const sum = endpoints.reduce((total, one) => total + one.weight, 0);
      for (const one of endpoints) {
        const share = (some.length * one.weight) / sum;
        expect(counts.get(one.id), one.id).to.be.within(0.6 * share, 1.5 * share);
      }
    }
  });

  it('stay where they are while others may not be called, whatever the weights are', () => {
    const some = keys(100);
    fc.assert(
      fc.property(weights, fc.uniqueArray(fc.nat(19)), (list, places) => {
        const endpoints = list.map((weight, slot) => endpoint(`i${slot}`, { slot, weight }));
        const out = new Set(places.filter((place) => place < list.length).slice(0, list.length / 2));
        const picksWithout = (isOut: (slot: number) => boolean): (number | undefined)[] => {
          const balancer = balancerOf(endpoints, isOut);
          return some.map((hashKey) => balancer.pick('orders', NONE, undefined, { hashKey })?.slot);
        };
        const [before, after] = [picksWithout(() => false), picksWithout((slot) => out.has(slot))];
        for (const [index, slot] of after.entries()) {
          expect(slot).to.satisfy((one: number) => !out.has(one));
          if (!out.has(before[index]!)) expect(slot).to.equal(before[index]);
        }
      }),
    );
  });

  it('cost no more where weights differ: the points of all are bounded, and each is asked once', () => {
    fc.assert(
      fc.property(weights, fc.string(), (list, hashKey) => {
        const endpoints = list.map((weight, slot) => endpoint(`i${slot}`, { slot, weight }));
        const { order } = HashCircle.of(endpoints);
        expect(new Set(order).size).to.equal(list.length);
        expect(order.length).to.be.at.most(17 * list.length);
        const asked = list.map(() => 0);
        const refuses = ({ slot }: Endpoint): boolean => {
          asked[slot]! += 1;
          return true;
        };
        const balancer = balancerOf(endpoints, () => false);
        expect(balancer.pick('orders', NONE, refuses, { hashKey })).to.equal(undefined);
        expect(asked).to.deep.equal(list.map(() => 1));
        // A retry asks for the others first, and then for all.
        expect(balancer.pick('orders', new Set(['i0']), refuses, { hashKey })).to.equal(undefined);
        expect(asked).to.deep.equal(list.map((_, slot) => (slot === 0 ? 2 : 3)));
      }),
    );
  });

  it('go to the next endpoint while one has more than its part of the calls, however hot the key is', () => {
    const endpoints = many(10);
    const circle = HashCircle.of(endpoints);
    const running = new Array<number>(10).fill(0);
    const load = { ...IDLE, inFlight: (slot: number) => running[slot]! };
    for (let n = 0; n < 1_000; n += 1) {
      const picked = endpointOfKey(circle, 'hot', load, ANY)!;
      running[picked.slot]! += 1;
      const mean = running.reduce((sum, count) => sum + count, 0) / 10;
      expect(running[picked.slot]).to.be.at.most(1.25 * mean + 2);
    }
  });

  it('go to the endpoint with the fewest calls when those that are admitted have too many', () => {
    const endpoints = many(10);
    const load = { ...IDLE, inFlight: (slot: number) => (slot < 3 ? 100 - slot : 0) };
    const admits = ({ slot }: Endpoint): boolean => slot < 3;
    for (const key of keys(50))
      expect(endpointOfKey(HashCircle.of(endpoints), key, load, admits)).to.equal(endpoints[2]);
    expect(endpointOfKey(HashCircle.of(endpoints), 'k', load, () => false)).to.equal(undefined);
  });

  it('are repeated at another endpoint, and the nearness of one does not count', async () => {
    const endpoints = many(5).map((one, n) => ({ ...one, slot: n + 1, local: n === 0 }));
    const { call, sent } = setUp(endpoints, () => jsonResponse(200));
    const used = new Set<string>();
    for (const hashKey of keys(50)) {
      const before = sent.length;
      for (let n = 0; n < 3; n += 1) await call('orders', { prefer: 'network' }).get('/x', { hashKey });
      const [first, ...others] = sent.slice(before).map(({ id }) => id);
      expect(others).to.deep.equal([first, first]);
      used.add(first!);
    }
    expect(used.size).to.equal(5);
    const failing = setUp(endpoints, broken);
    await failing
      .call('orders', { prefer: 'network' })
      .get('/x', { hashKey: 'k' })
      .catch(() => undefined);
    expect(new Set(failing.sent.map(({ id }) => id)).size).to.equal(3);
  });
});
