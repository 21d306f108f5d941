import { expect } from 'chai';
import type { Endpoint } from '#src/registry/endpoint.js';
import { Balancer, type Route } from '#src/upstream/balancer.js';
import { p2cPicker } from '#src/upstream/strategies/power-of-two-choices.js';
import { seeded } from '#test/support/random.js';
import { ALL_SETTLED, endpoint } from './endpoints.js';
import { fakeLoad } from './fake-load.js';

const NONE: ReadonlySet<string> = new Set();
const CALLS = 10_000;

/** Nine instances of version 1, and one of version 2, which is to get a twentieth of the calls. */
const TEN = Array.from({ length: 10 }, (_, slot) =>
  endpoint(`i${slot}`, { slot, version: slot === 0 ? '2' : '1' }),
);

function balancerOf(endpoints: () => readonly Endpoint[], share = 0.05): Balancer {
  const random = seeded(42);
  return new Balancer({
    endpoints,
    picker: p2cPicker(fakeLoad(), random),
    upstreams: { orders: { canary: { version: '2', share } } },
    statuses: ALL_SETTLED,
    clock: () => 0,
    random,
  });
}

function canaryCalls(balancer: Balancer, route?: (n: number) => Route, calls = CALLS): number {
  let count = 0;
  for (let n = 0; n < calls; n++)
    if (balancer.pick('orders', NONE, undefined, route?.(n))?.version === '2') count++;
  return count;
}

describe('a canary release', () => {
  it('gets its share of the calls, whatever the number of its instances', () => {
    for (const share of [0, 0.05, 0.5, 1]) {
      const calls = canaryCalls(balancerOf(() => TEN, share));
      expect(calls).to.be.within(CALLS * share - 150, CALLS * share + 150);
    }
  });

  it('concerns one service only', () => {
    const balancer = balancerOf(() => TEN, 1);
    const versions = Array.from({ length: 100 }, () => balancer.pick('users', NONE)?.version);
    expect(versions).to.include('1');
  });

  it('keeps the calls with a key where they are', () => {
    const balancer = balancerOf(() => TEN);
    const of = (n: number): Route => ({ hashKey: `user-${n}` });
    expect(canaryCalls(balancer, of)).to.be.within(CALLS * 0.04, CALLS * 0.06);
    for (let n = 0; n < 200; n++) {
      const ids = [1, 2, 3].map(() => balancer.pick('orders', NONE, undefined, of(n))?.id);
      expect(new Set(ids).size).to.equal(1);
    }
  });

  it('does not concern calls that name a version', () => {
    const balancer = balancerOf(() => TEN, 0.5);
    expect(canaryCalls(balancer, () => ({ version: '1' }), 200)).to.equal(0);
    expect(canaryCalls(balancer, () => ({ version: '2' }), 200)).to.equal(200);
  });

  it('gets no calls while its instances are not healthy, and not all of them when the others are not', () => {
    const with_ = (canary: Endpoint['state'], others: Endpoint['state']): number => {
      const endpoints = TEN.map((one) => ({ ...one, state: one.version === '2' ? canary : others }));
      return canaryCalls(
        balancerOf(() => endpoints, 0.2),
        undefined,
        500,
      );
    };
    expect(with_('unhealthy', 'healthy')).to.equal(0);
    expect(with_('draining', 'healthy')).to.equal(0);
    expect(with_('healthy', 'unhealthy')).to.be.within(1, 150);
    expect(with_('unhealthy', 'unhealthy')).to.be.within(1, 499);
  });

  it('gets no calls when there is none, and all when there is no other', () => {
    expect(
      canaryCalls(
        balancerOf(() => TEN.slice(1), 0.5),
        undefined,
        200,
      ),
    ).to.equal(0);
    expect(
      canaryCalls(
        balancerOf(() => TEN.slice(0, 1), 0.5),
        undefined,
        200,
      ),
    ).to.equal(200);
  });

  it('leaves a call to the others when its instances were tried, or their breakers are open', () => {
    const balancer = balancerOf(() => TEN, 1);
    for (let n = 0; n < 100; n++) {
      expect(balancer.pick('orders', new Set(['i0']))?.version).to.equal('1');
      expect(balancer.pick('orders', NONE, ({ id }) => id === 'i0')?.version).to.equal('1');
    }
    expect(balancer.pick('orders', new Set(TEN.map(({ id }) => id)))).to.not.equal(undefined);
    expect(balancer.pick('orders', NONE, () => true)).to.equal(undefined);
  });
});
