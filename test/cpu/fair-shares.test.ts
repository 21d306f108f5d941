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

/**
 * Runs services on several threads, one of which a service with long entries leaves to others.
 * @returns the milliseconds of threads that each has used
 */
function simulateThreads(threads: number, loads: readonly Load[], forMs: number): Record<string, number> {
  let now = 0;
  const queue = new FairQueue<Item>(64 * threads, () => now);
  const running = new Set<{ readonly entry: Item; readonly endsAt: number }>();
  const used = Object.fromEntries(loads.map(({ service }) => [service, 0]));
  const arrivals = loads.map((load) => ({ ...load, at: 0 }));
  for (; now < forMs; now++) {
    for (const run of running) {
      if (run.endsAt > now) continue;
      running.delete(run);
      queue.end(run.entry, run.entry.durationMs);
      used[run.entry.service]! += run.entry.durationMs;
    }
    for (const arrival of arrivals) {
      for (; arrival.at <= now; arrival.at += arrival.everyMs)
        queue.add(item(arrival.service, arrival.durationMs));
    }
    while (running.size < threads) {
      const entry = queue.next(running.size === threads - 1 ? threads : undefined);
      if (entry === undefined) break;
      running.add({ entry, endsAt: now + entry.durationMs });
    }
  }
  return used;
}

interface ClosedLoop {
  readonly threads: number;
  /** Each of so many clients sends its next entry 1 ms after its previous one has ended. */
  readonly clients: number;
  readonly durationMs: number;
  /** The other service: an entry arrives at each interval. */
  readonly other: Load;
}

/**
 * Runs a service of clients that wait for their results beside another service, on several threads.
 * @returns the milliseconds of threads that each has used
 */
function simulateClosedLoop({ threads, clients, durationMs, other }: ClosedLoop, forMs: number) {
  const queue = new FairQueue<Item>(64 * threads);
  const running = new Set<{ readonly entry: Item; readonly endsAt: number }>();
  const sendsAt = Array.from({ length: clients }, () => 0);
  const used = { clients: 0, other: 0 };
  let nextOther = 0;
  const arrive = (entry: Item, now: number): void => {
    if (running.size === threads) {
      queue.add(entry);
      return;
    }
    queue.begin(entry);
    running.add({ entry, endsAt: now + entry.durationMs });
  };
  for (let now = 0; now < forMs; now++) {
    for (const run of running) {
      if (run.endsAt > now) continue;
      running.delete(run);
      queue.end(run.entry, run.entry.durationMs);
      used[run.entry.service as keyof typeof used] += run.entry.durationMs;
      if (run.entry.service === 'clients') sendsAt.push(now + 1);
      const next = queue.next();
      if (next !== undefined) running.add({ entry: next, endsAt: now + next.durationMs });
    }
    for (; nextOther <= now; nextOther += other.everyMs) arrive(item('other', other.durationMs), now);
    for (let n = sendsAt.length; n > 0; n--) {
      const at = sendsAt.shift()!;
      if (at <= now) arrive(item('clients', durationMs), now);
      else sendsAt.push(at);
    }
  }
  return used;
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
  it('charges a service for time that none of its entries has used, also after they have ended', () => {
    const queue = new FairQueue<Item>(64);
    const first = item('leaves');
    queue.begin(first);
    for (let n = 0; n < 20; n++) queue.add(item('other'));
    queue.end(first, 1);
    queue.charge('leaves', 10);
    for (let n = 0; n < 20; n++) queue.add(item('leaves'));
    const taken = take(queue, 14).map(({ service }) => service);
    expect(taken.filter((service) => service === 'other').length).to.be.within(11, 13);
  });

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

  for (const threads of [1, 2, 4]) {
    for (let clients = 1; clients <= threads; clients++) {
      it(`leaves a service its goodput beside ${clients} clients of another on ${threads} threads`, () => {
        // It needs two fifths of the threads: less than its half.
        const other = { service: 'other', everyMs: 25 / threads, durationMs: 10 };
        const used = simulateClosedLoop({ threads, clients, durationMs: 300, other }, 60_000);
        expect(used.other).to.be.at.least(0.9 * 0.4 * threads * 60_000);
        expect(used.clients).to.be.at.least(0.9 * Math.min(clients, 0.5 * threads) * 60_000);
      });
    }
  }

  it('knows which service has long entries, and which others there are, also after a time without any', () => {
    let now = 0;
    const queue = new FairQueue<Item>(64, () => now);
    const run = (service: string, durationMs: number): void => {
      const one = item(service, durationMs);
      queue.begin(one);
      now += durationMs;
      queue.end(one, durationMs);
    };
    run('long', 5_000);
    run('short', 2);
    for (let round = 0; round < 3; round++) {
      now += 3_000;
      run('short', 2);
      const first = item('long', 5_000);
      queue.begin(first);
      expect(queue.leavesLast('long', 2), `round ${round}`).to.equal(true);
      expect(queue.leavesLast('short', 2)).to.equal(false);
      queue.end(first, 5_000);
    }
    // A service of which nothing is known takes the last place.
    const unknown = item('unknown');
    queue.begin(unknown);
    expect(queue.leavesLast('unknown', 2)).to.equal(false);
    queue.end(unknown, 1);
    // One whose entries have come long ago, and wait or run, is still there.
    for (let n = 0; n < 10; n++) queue.add(item('long', 5_000));
    queue.next();
    now += 60_000;
    run('short', 2);
    expect(queue.leavesLast('long', 2)).to.equal(true);
    now += 11_000;
    expect(queue.leavesLast('long', 2)).to.equal(false);
  });

  for (const threads of [2, 4]) {
    it(`leaves another service its goodput beside tasks of seconds on ${threads} threads`, () => {
      const calm = { service: 'calm', everyMs: 20, durationMs: 5 };
      const long = { service: 'long', everyMs: 100, durationMs: 4_000 };
      const forMs = 300_000;
      const used = simulateThreads(threads, [long, calm], forMs);
      expect(used.calm).to.be.above(0.9 * (forMs / 20) * 5);
      expect(used.long).to.be.above(0.9 * (threads - 1) * forMs);
      // No thread is left to services that are not there.
      const alone = simulateThreads(threads, [{ ...calm, everyMs: 200_000 }, long], forMs);
      expect(alone.long).to.be.above(0.9 * threads * forMs);
      // Two of the same kind do not exclude each other.
      const both = simulateThreads(threads, [long, { ...long, service: 'other' }], forMs);
      expect(both.long! + both.other!).to.be.above(0.85 * threads * forMs);
      expect(Math.abs(both.long! - both.other!)).to.be.below(0.3 * threads * forMs);
    });
  }

  it('charges no service so much that it waits for long', () => {
    const queue = new FairQueue<Item>(1_000);
    for (let n = 0; n < 20; n++) for (const service of ['a', 'b']) queue.add(item(service, 10));
    for (const measuredMs of [3_600_000, 3_600_000]) {
      const next = queue.next()!;
      queue.add(item(next.service, 10));
      queue.end(next, next.service === 'a' ? measuredMs : 10);
    }
    let waitedMs = 0;
    for (;;) {
      const next = queue.next()!;
      queue.end(next, 10);
      if (next.service === 'a') break;
      queue.add(item('b', 10));
      waitedMs += 10;
      expect(waitedMs).to.be.at.most(60_000);
    }
  });

  it('tells what waits beside an entry: other services, other callers, or neither', () => {
    const queue = new FairQueue<Item>(10);
    const entry = item('a', 1, 'low', 'c');
    const beside = () => [queue.hasOtherService(entry), queue.hasOtherCaller(entry)];
    expect(beside()).to.deep.equal([false, false]);
    for (const priority of ['high', 'low'] as const) queue.add(item('a', 1, priority, 'c'));
    expect(beside()).to.deep.equal([false, false]);
    queue.add(item('a', 1, 'high', 'd'));
    expect(beside()).to.deep.equal([false, true]);
    queue.add(item('b'));
    expect(beside()).to.deep.equal([true, true]);
  });

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

  it('keeps the account of a service that owes time to another, until it owes none', () => {
    const queue = new FairQueue<Item>(10);
    const debtor = item('debtor');
    queue.begin(debtor);
    for (let n = 0; n < 9; n++) queue.add(item('other', 10));
    queue.end(debtor, 25);
    expect(queue).to.include({ accounts: 2, active: 1 });
    take(queue, 9);
    expect(queue).to.include({ accounts: 0, active: 0 });
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
