// Ejection and slow start as the balancer sees them, with real cells.
import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { EjectionCells } from '#src/memory/ejection-cells.js';
import { EndpointCells } from '#src/memory/endpoint-cells.js';
import type { Endpoint } from '#src/registry/endpoint.js';
import { ejectionRule } from '#src/resilience/ejection.js';
import { Balancer } from '#src/upstream/balancer.js';
import { endpointStatuses } from '#src/upstream/endpoint-status.js';
import { forgettingBreakers, hasRoom, Outliers } from '#src/upstream/outliers.js';
import { p2cPicker } from '#src/upstream/strategies/power-of-two-choices.js';
import { seeded } from '#test/support/random.js';
import { endpoint } from './endpoints.js';
import { roundRobinPicker } from './round-robin.js';

const NONE: ReadonlySet<string> = new Set();
const IDLE = { inFlight: () => 0, latency: () => 0, now: () => 0 };

function setUp(endpoints: readonly Endpoint[], picker = roundRobinPicker) {
  const time = { now: 0 };
  const clock = () => time.now;
  const rule = ejectionRule(30_000);
  const block = Block.create({ workers: 1 });
  const cells = new EjectionCells(block, rule, clock);
  const list = { now: endpoints, asked: 0 };
  const statuses = endpointStatuses(cells, rule);
  const counting = {
    version: () => statuses.version(),
    of: (slot: number) => {
      list.asked++;
      return statuses.of(slot);
    },
  };
  const balancer = new Balancer({
    endpoints: () => list.now,
    picker,
    statuses: counting,
    clock,
    random: seeded(7),
  });
  const outliers = new Outliers({
    cells,
    records: new EndpointCells(block, 1, clock),
    endpoints: () => list.now,
  });
  const fail = (id: string, times = 5): void => {
    const one = list.now.find((each) => each.id === id)!;
    for (let i = 0; i < times; i++) outliers.ended(one, 'failure');
  };
  const picks = (count = 4, tried = NONE): string =>
    Array.from({ length: count }, () => balancer.pick('orders', tried)?.id ?? '-').join('');
  const share = (id: string, tried = NONE): number => (picks(4_000, tried).split(id).length - 1) / 4_000;
  return { time, cells, list, outliers, fail, picks, share };
}

const some = (ids: string, members: Partial<Endpoint> = {}): Endpoint[] =>
  ids.split('').map((id, slot) => endpoint(id, { slot, ...members }));

describe('an outlier', () => {
  it('is not picked from the next pick on, and is picked again after its ejection', () => {
    const { fail, picks, time } = setUp(some('abc'));
    expect(picks()).to.equal('abca');
    fail('b');
    expect(picks()).to.equal('caca');
    time.now = 29_999;
    expect(picks()).to.equal('caca');
    time.now = 40_000;
    picks(1);
    time.now = 60_000;
    expect(picks(6).split('').sort().join('')).to.equal('aabbcc');
  });

  it('is ejected only if it is not the only instance, and at most half are ejected then', () => {
    const one = setUp(some('a'));
    one.fail('a', 100);
    expect(one.picks()).to.equal('aaaa');
    const four = setUp(some('abcd'));
    for (const id of 'abcd') four.fail(id, 20);
    expect(four.picks()).to.equal('cdcd');
  });

  it('is never the last healthy instance', () => {
    const [a, b, c] = some('abc');
    const { fail, picks } = setUp([a!, { ...b!, state: 'unhealthy' }, { ...c!, state: 'draining' }]);
    fail('a', 50);
    expect(picks()).to.equal('aaaa');
  });

  it('is still picked in panic mode', () => {
    const { fail, picks, list } = setUp(some('abcd'));
    fail('a');
    list.now = list.now.map((each) =>
      each.id === 'b' || each.id === 'c' ? { ...each, state: 'unhealthy' } : each,
    );
    expect(picks()).to.equal('abcd');
  });

  it('fails several times in a row: a success ends the row, an ignored call or another endpoint does not', () => {
    const { fail, picks, outliers, list } = setUp(some('abc'));
    fail('a', 4);
    outliers.ended(list.now[0]!, 'ignored');
    outliers.ended(list.now[1]!, 'success');
    fail('a', 1);
    expect(picks()).not.to.include('a');
    fail('b', 4);
    outliers.ended(list.now[1]!, 'success');
    fail('b', 4);
    expect(picks()).to.include('b');
  });
});

describe('slow start', () => {
  it('gives a new endpoint a tenth of the calls of the others, then more, with every picker', () => {
    for (const picker of [roundRobinPicker, p2cPicker(IDLE, seeded(11))]) {
      const { cells, share, time } = setUp(some('abcd'), picker);
      cells.arrive(3);
      expect(share('d')).to.be.within(0.015, 0.045);
      time.now = 5_000;
      expect(share('d')).to.be.within(0.1, 0.17);
      time.now = 10_000;
      expect(share('d')).to.be.within(0.22, 0.28);
    }
  });

  it('changes nothing when all endpoints are equally new', () => {
    const { cells, picks } = setUp(some('ab'));
    cells.arrive(0);
    cells.arrive(1);
    expect(picks()).to.equal('abab');
  });

  it('compares the endpoints with each other when all are new, but not equally new', () => {
    const { cells, share, time } = setUp(some('abc'), p2cPicker(IDLE, seeded(11)));
    cells.arrive(0);
    cells.arrive(1);
    time.now = 9_000;
    cells.arrive(2);
    expect(share('c')).to.be.within(0.02, 0.06);
  });

  it('also holds among the endpoints that are left for a retry', () => {
    const { cells, share } = setUp(some('abc'));
    cells.arrive(1);
    expect(share('b', new Set(['c']))).to.be.within(0.03, 0.12);
    expect(share('c', new Set(['a']))).to.be.within(0.88, 0.97);
    expect(share('b', new Set(['a', 'c']))).to.equal(1);
  });
});

describe('the lists of endpoints that may be picked', () => {
  it('are made at most ten times a second during slow starts, however many endpoints are new', () => {
    const { list, picks, cells, time } = setUp(some('abcdefghijklmnopqrstuvwxyzABCDEF'));
    for (let slot = 0; slot < 32; slot++) {
      time.now = slot * 20;
      cells.arrive(slot);
    }
    picks(1);
    const before = list.asked;
    for (let ms = 0; ms < 1_000; ms++) {
      time.now = 1_000 + ms;
      picks(1);
    }
    expect((list.asked - before) / 32).to.be.within(2, 10);
  });

  it('are made again only when a status, the registry or a share has changed', () => {
    const { list, picks, cells, time } = setUp(some('abc'));
    picks(100);
    expect(list.asked).to.equal(3);
    cells.arrive(2);
    picks(100);
    expect(list.asked).to.equal(6);
    time.now = 999;
    picks(100);
    expect(list.asked).to.equal(6);
    time.now = 1_000;
    picks(100);
    expect(list.asked).to.equal(9);
    list.now = some('ab');
    picks(100);
    expect(list.asked).to.equal(11);
  });
});

describe('the ejection of an endpoint', () => {
  it('does not count draining instances: at most half of the others are ejected', () => {
    const instances = ['healthy', 'healthy', 'healthy', 'draining', 'draining'].map((state, slot) => ({
      slot,
      state: state as Endpoint['state'],
    }));
    expect(hasRoom(instances, 0, (slot) => slot === 1)).to.equal(false);
    expect(hasRoom(instances, 0, () => false)).to.equal(true);
  });

  it('resets the breaker of the endpoint when it begins and when it ends', () => {
    const told: string[] = [];
    const news = forgettingBreakers(
      { forget: (slot) => told.push(`forget ${slot}`) },
      { ejected: (slot) => told.push(`ejected ${slot}`), returned: (slot) => told.push(`returned ${slot}`) },
    );
    news.ejected(3, 1, 30_000);
    news.returned(3);
    expect(told).to.deep.equal(['forget 3', 'ejected 3', 'forget 3', 'returned 3']);
  });
});
