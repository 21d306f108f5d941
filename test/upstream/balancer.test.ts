import { expect } from 'chai';
import type { Endpoint } from '#src/registry/endpoint.js';
import { Balancer, type BalancerOptions } from '#src/upstream/balancer.js';
import { ALL_SETTLED, endpoint } from './endpoints.js';
import { roundRobinPicker } from './round-robin.js';

const NONE: ReadonlySet<string> = new Set();

function balancerOf(endpoints: readonly Endpoint[], options: Partial<BalancerOptions> = {}): Balancer {
  return new Balancer({
    endpoints: () => endpoints,
    picker: roundRobinPicker,
    statuses: ALL_SETTLED,
    clock: () => 0,
    random: () => 0,
    ...options,
  });
}

function picks(balancer: Balancer, count = 6, tried = NONE, refused = NONE): string {
  return Array.from(
    { length: count },
    () => balancer.pick('orders', tried, ({ id }) => refused.has(id))?.id ?? '-',
  ).join('');
}

describe('the balancer', () => {
  it('picks none of no endpoints', () => {
    expect(balancerOf([]).pick('orders', NONE)).to.equal(undefined);
  });

  it('picks endpoints of the version that a call asks for only, and forgets versions that are gone', () => {
    let endpoints = [
      endpoint('a', { version: '1.0.0' }),
      endpoint('b', { version: '2.0.0', local: true }),
      endpoint('c'),
      endpoint('d', { version: '1.0.0' }),
    ];
    let pickers = 0;
    const balancer = balancerOf([], {
      endpoints: () => endpoints,
      picker: () => {
        pickers += 1;
        return roundRobinPicker();
      },
    });
    const of = (version: string, tried = NONE) =>
      [1, 2, 3].map(() => balancer.pick('orders', tried, undefined, { version })?.id ?? '-').join('');
    expect([of('1.0.0'), of('2.0.0'), of('3.0.0'), of('')]).to.deep.equal(['ada', 'bbb', '---', '---']);
    expect(of('1.0.0', new Set(['a']))).to.equal('ddd');
    expect(balancer.pick('orders', NONE, undefined, { version: '1.0.0', hashKey: 'k' })?.version).to.equal(
      '1.0.0',
    );
    for (let n = 0; n < 500; n += 1) {
      endpoints = [endpoint('a', { version: `${n}` }), endpoint('c')];
      expect([of(`${n}`), of('1.0.0')]).to.deep.equal(['aaa', '---']);
    }
    // Lists are made once for each version; none of those that are gone is prepared again.
    expect(pickers).to.be.within(500, 510);
  });

  it('forgets services without endpoints when new services come', () => {
    const present = new Set<string>();
    const pickers: string[] = [];
    let picking = '';
    const balancer = balancerOf([], {
      endpoints: (service) => (present.has(service) ? [endpoint('a', { service })] : []),
      picker: () => {
        pickers.push(picking);
        return roundRobinPicker();
      },
    });
    const pick = (service: string): void => {
      picking = service;
      expect(balancer.pick(service, NONE)?.service).to.equal(service);
    };
    present.add('stays');
    pick('stays');
    for (const round of [1, 2]) {
      for (let n = 0; n < 500; n++) {
        present.add(`s${n}`);
        pick(`s${n}`);
        pick('stays');
        present.delete(`s${n}`);
      }
      // Some are kept for a while: nearly each has a picker of its own after it was gone.
      expect(pickers.length).to.be.within(round * 500 - 64, 1 + round * 500);
    }
  });

  it('picks only healthy endpoints while at least half of them are healthy', () => {
    const endpoints = [
      endpoint('a'),
      endpoint('b', { state: 'unhealthy' }),
      endpoint('c'),
      endpoint('d', { state: 'starting' }),
    ];
    expect(picks(balancerOf(endpoints))).to.equal('acacac');
  });

  it('ignores health when fewer than half are healthy', () => {
    const endpoints = [
      endpoint('a'),
      endpoint('b', { state: 'unhealthy' }),
      endpoint('c', { state: 'unhealthy' }),
      endpoint('d', { state: 'ejected' }),
    ];
    expect(picks(balancerOf(endpoints), 4)).to.equal('abcd');
  });

  it('neither picks nor counts those that have never been healthy while another one has', () => {
    const starting = ['x', 'y', 'z'].map((id) => endpoint(id, { state: 'starting' }));
    const one = endpoint('a');
    const sick = ['b', 'c'].map((id) => endpoint(id, { state: 'unhealthy' }));
    expect(picks(balancerOf([one, ...starting]), 3)).to.equal('aaa');
    expect(picks(balancerOf([...sick, ...starting]), 4)).to.equal('bcbc');
    expect(picks(balancerOf([one, ...sick, ...starting]), 3)).to.equal('abc');
    expect(picks(balancerOf(starting), 3)).to.equal('xyz');
    const excluded = new Set(['a']);
    expect(picks(balancerOf([one, ...starting]), 1, NONE, excluded)).to.equal('-');
  });

  it('never picks a draining endpoint, even in panic mode, and does not count it towards that mode', () => {
    const draining = [endpoint('b', { state: 'draining' }), endpoint('c', { state: 'draining' })];
    expect(picks(balancerOf([endpoint('a'), ...draining]), 2)).to.equal('aa');
    expect(picks(balancerOf([endpoint('a', { state: 'unhealthy' }), ...draining]), 2)).to.equal('aa');
    expect(picks(balancerOf(draining), 1)).to.equal('-');
  });

  it('prefers endpoints of this process, then of its zone, then the rest', () => {
    const [local, near, far] = [endpoint('c', { local: true }), endpoint('b', { zone: 'z1' }), endpoint('a')];
    const balancer = balancerOf([far, near, local], { zone: 'z1' });
    expect(picks(balancer, 2)).to.equal('cc');
    expect(picks(balancer, 2, NONE, new Set(['c']))).to.equal('bb');
    expect(picks(balancer, 2, NONE, new Set(['b', 'c']))).to.equal('aa');
  });

  it('treats its own instance like any other in calls over the network, and in no others', () => {
    const balancer = balancerOf([endpoint('a'), endpoint('b', { local: true })]);
    const overNetwork = () => balancer.pick('orders', NONE, undefined, { overNetwork: true })?.id;
    expect([1, 2, 3, 4].map(overNetwork).join('')).to.equal('abab');
    expect(picks(balancer, 2)).to.equal('bb');
  });

  it('avoids endpoints that were tried as long as there is another one', () => {
    const balancer = balancerOf([endpoint('a'), endpoint('b')]);
    expect(picks(balancer, 3, new Set(['a']))).to.equal('bbb');
    expect(picks(balancer, 2, new Set(['a', 'b']))).to.equal('ab');
  });

  it('prefers a farther endpoint to a near one that was tried', () => {
    const balancer = balancerOf([endpoint('a', { local: true }), endpoint('b')]);
    expect(picks(balancer, 1, new Set(['a']))).to.equal('b');
  });

  it('never picks an excluded endpoint', () => {
    const balancer = balancerOf([endpoint('a'), endpoint('b')]);
    expect(picks(balancer, 2, new Set(['a']), new Set(['b']))).to.equal('aa');
    expect(picks(balancer, 1, new Set(['a']), new Set(['a', 'b']))).to.equal('-');
  });

  it('picks only healthy endpoints while they are half of all', () => {
    const sick = ['c', 'd', 'e'].map((id) => endpoint(id, { state: 'unhealthy' }));
    const well = [endpoint('a'), endpoint('b')];
    expect(picks(balancerOf([...well, ...sick.slice(0, 2)]), 4)).to.equal('abab');
    expect(picks(balancerOf([...well, ...sick]), 5)).to.equal('abcde');
  });

  it('offers exactly the endpoints that a pick may return, each at its present address', () => {
    const all = ['healthy', 'healthy', 'unhealthy', 'draining', 'starting'].map((state, at) =>
      endpoint(`${at}`, { state: state as Endpoint['state'], version: at === 2 ? '2' : '1' }),
    );
    const balancer = balancerOf(all);
    const offered = (route?: { version: string }) =>
      all.filter((one) => balancer.offers(one, route)).map(({ id }) => id);
    expect(offered()).to.deep.equal(['0', '1']);
    // The only instance of its release is in panic mode.
    expect(offered({ version: '2' })).to.deep.equal(['2']);
    expect(balancer.offers({ ...all[0]!, weight: 3 })).to.equal(true);
    expect(balancer.offers({ ...all[0]!, port: 1 })).to.equal(false);
    expect(balancerOf([]).offers(all[0]!)).to.equal(false);
  });
});
