// How services and priorities share the queue of the CPU pool. The time of the entries is simulated.
import { expect } from 'chai';
import fc from 'fast-check';
import { type Entry, FairQueue } from '#src/cpu/fair-queue.js';
import { PRIORITIES, type Priority } from '#src/cpu/service-line.js';

interface Item extends Entry<Item> {
  readonly durationMs: number;
}

const item = (service: string, durationMs = 1, priority: Priority = 'normal', caller = 'c'): Item => ({
  service,
  priority,
  caller,
  durationMs,
});

/** One service of a simulation: a new entry arrives at each interval, or as soon as it finds room. */
interface Load {
  readonly service: string;
  readonly everyMs: number;
  readonly durationMs: number;
}

/**
 * Runs the entries one after the other for so long.
 * @returns the number of entries of each service that have ended
 */
function simulate(loads: readonly Load[], forMs: number): Readonly<Record<string, number>> {
  const queue = new FairQueue<Item>(64);
  const arrivals = loads.map((load) => ({ ...load, at: 0 }));
  const ended = Object.fromEntries(loads.map(({ service }) => [service, 0]));
  for (let now = 0; now < forMs; ) {
    for (const arrival of arrivals) {
      for (; arrival.at <= now; arrival.at += arrival.everyMs)
        queue.add(item(arrival.service, arrival.durationMs));
    }
    const next = queue.next();
    if (next === undefined) {
      now = Math.min(...arrivals.map(({ at }) => at));
      continue;
    }
    now += next.durationMs;
    queue.end(next, next.durationMs);
    ended[next.service] = (ended[next.service] ?? 0) + 1;
  }
  return ended;
}

/** Takes so many entries, each of which runs for its duration. */
function take(queue: FairQueue<Item>, count: number): Item[] {
  return Array.from({ length: count }, () => {
    const next = queue.next()!;
    queue.end(next, next.durationMs);
    return next;
  });
}

const count = (items: readonly Item[], of: Partial<Item>): number =>
  items.filter((one) => Object.entries(of).every(([name, value]) => one[name as keyof Item] === value))
    .length;

describe('a queue that services share', () => {
  for (const [title, flood] of [
    ['short', { everyMs: 0.5, durationMs: 5 }],
    ['long', { everyMs: 1, durationMs: 50 }],
  ] as const) {
    it(`leaves other services at least 90 % of their goodput in a flood of ${title} entries`, () => {
      // Each of the two needs less than a third of the time.
      const others = [
        { service: 'a', everyMs: 20, durationMs: 5 },
        { service: 'b', everyMs: 10, durationMs: 2 },
      ];
      const alone = simulate(others, 60_000);
      const together = simulate([...others, { service: 'flood', ...flood }], 60_000);
      for (const { service } of others)
        expect(together[service]! / alone[service]!, service).to.be.at.least(0.9);
      expect(together.flood! * flood.durationMs).to.be.above(0.3 * 60_000);
    });
  }

  it('gives services that always have entries equal time, however long their entries are', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 2, maxLength: 5 }), (durations) => {
        const loads = durations.map((durationMs, n) => ({ service: `s${n}`, everyMs: 1, durationMs }));
        const ended = simulate(loads, 5_000);
        const used = loads.map(({ service, durationMs }) => ended[service]! * durationMs);
        // The first estimates are wrong by the time of a few entries.
        expect(Math.max(...used) - Math.min(...used)).to.be.at.most(5 * Math.max(...durations));
      }),
    );
  });

  it('gives a service no credit for the time in which it had no entries', () => {
    const queue = new FairQueue<Item>(1_000);
    for (let n = 0; n < 500; n++) queue.add(item('busy'));
    take(queue, 200);
    for (let n = 0; n < 300; n++) queue.add(item('late'));
    expect(count(take(queue, 100), { service: 'late' })).to.be.within(49, 51);
  });

  it('remembers nothing against a service that was alone before', () => {
    const queue = new FairQueue<Item>(1_000);
    // There was always room, and the service was never without an entry that ran.
    let last = item('alone');
    queue.begin(last);
    for (let n = 0; n < 1_000; n++) {
      const next = item('alone');
      queue.begin(next);
      queue.end(last, 50);
      last = next;
    }
    for (let n = 0; n < 100; n++) for (const service of ['alone', 'late']) queue.add(item(service, 50));
    expect(count(take(queue, 40), { service: 'alone' })).to.be.within(18, 22);
  });

  it('charges entries that run at the same time before they end', () => {
    const queue = new FairQueue<Item>(1_000);
    for (let n = 0; n < 100; n++) for (const service of ['a', 'b']) queue.add(item(service));
    const running = Array.from({ length: 20 }, () => queue.next()!);
    expect(count(running, { service: 'a' })).to.equal(10);
  });

  it('rejects the newest entry of the service with the most when it is full', () => {
    const queue = new FairQueue<Item>(4);
    const flood = ['x', 'y', 'x', 'x'].map((caller) => item('flood', 1, 'normal', caller));
    for (const one of flood) expect(queue.add(one)).to.equal(undefined);
    expect(queue.add(item('calm'))).to.equal(flood[3]);
    expect(queue.add(item('calm'))).to.equal(flood[2]);
    const third = item('calm');
    expect(queue.add(third)).to.equal(third);
    expect(queue).to.include({ size: 4, services: 2, callers: 3 });
  });

  it('keeps no account of services without entries', () => {
    const queue = new FairQueue<Item>(10);
    for (let n = 0; n < 100; n++) {
      const [first, second] = [item(`s${n}`), item(`s${n}`)];
      queue.add(first);
      queue.add(second);
      queue.remove(second);
      expect(queue.accounts).to.equal(1);
      take(queue, 1);
      queue.begin(first);
      expect(queue.accounts).to.equal(1);
      queue.end(first, 1);
      expect(queue.accounts).to.equal(0);
    }
  });
});

describe('the priorities of a service', () => {
  const fill = (queue: FairQueue<Item>, each: number, service = 's'): void => {
    for (const priority of Object.keys(PRIORITIES) as Priority[])
      for (let n = 0; n < each; n++) queue.add(item(service, 1, priority));
  };

  it('take turns by their weights, so the lowest always goes on', () => {
    const queue = new FairQueue<Item>(1_000);
    fill(queue, 200);
    const taken = take(queue, 130);
    expect(count(taken, { priority: 'high' })).to.be.within(79, 81);
    expect(count(taken, { priority: 'normal' })).to.be.within(39, 41);
    expect(count(taken, { priority: 'low' })).to.be.within(9, 11);
  });

  it('take nothing from other services', () => {
    const queue = new FairQueue<Item>(1_000);
    for (let n = 0; n < 100; n++) {
      queue.add(item('pushing', 1, 'high'));
      queue.add(item('modest', 1, 'low'));
    }
    expect(count(take(queue, 100), { service: 'modest' })).to.be.within(49, 51);
  });

  it('divide a full queue by their weights, so none is excluded', () => {
    const queue = new FairQueue<Item>(26);
    for (const priority of ['low', 'high', 'normal', 'low', 'high'] as const)
      for (let n = 0; n < 100; n++) queue.add(item('s', 1, priority));
    const kept = take(queue, 26);
    expect(count(kept, { priority: 'high' })).to.be.within(15, 17);
    expect(count(kept, { priority: 'normal' })).to.be.within(7, 9);
    expect(count(kept, { priority: 'low' })).to.be.within(1, 3);
  });

  it('keep the turns of callers within each of them', () => {
    const queue = new FairQueue<Item>(100);
    for (const caller of ['a', 'a', 'a', 'b']) queue.add(item('s', 1, 'low', caller));
    expect(take(queue, 4).map(({ caller }) => caller)).to.deep.equal(['a', 'b', 'a', 'a']);
  });
});
