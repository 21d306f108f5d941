import { expect } from 'chai';
import fc from 'fast-check';
import { Block } from '#src/memory/block.js';
import { BreakerCells, REFUSED } from '#src/memory/breaker/breaker-cell.js';
import { BreakerWindow } from '#src/memory/breaker/breaker-window.js';
import type { AttemptOutcome } from '#src/resilience/policy.js';
import { DEFAULT_TRIP_RULE } from '#src/resilience/trip-rules.js';
import { BreakerModel } from './breaker-model.js';
import { cutInTwo, meanwhileAt } from './stepped-atomics.js';

const SLOT = 5;

function setUp(startMs = 0) {
  const time = { now: startMs };
  const block = Block.create({ workers: 2 });
  const cells = new BreakerCells(block, 1, DEFAULT_TRIP_RULE, () => time.now);
  const call = (outcome: AttemptOutcome): boolean => {
    const ticket = cells.admit(SLOT);
    if (ticket === REFUSED) return false;
    cells.settle(SLOT, ticket, outcome);
    return true;
  };
  const open = (): void => {
    for (let i = 0; i < 20; i++) call('failure');
    expect(cells.state(SLOT).state).to.equal('open');
  };
  const sibling = (worker: number) => new BreakerCells(block, worker, DEFAULT_TRIP_RULE, () => time.now);
  return { time, block, cells, call, open, sibling };
}

describe('breaker cell', () => {
  it('counts up to 8,388,607 calls of an instance a second, and leaves the count at that', () => {
    const most = 8_388_607;
    const { block } = setUp();
    const second = 7;
    const window = new BreakerWindow(block);
    window.addSuccess(SLOT, second);
    const { words } = block.table('breakerWindow');
    const bucket = words.indexOf((second << 23) | 1);
    words[bucket]! += most - 2;
    for (const seen of [most - 1, most, most]) {
      expect(window.successes(SLOT, second)).to.equal(seen);
      window.addSuccess(SLOT, second);
    }
  });

  it('stays closed while fewer than 20 calls were made, even if all fail', () => {
    const { cells, call } = setUp();
    for (let i = 0; i < 19; i++) call('failure');
    expect(cells.state(SLOT)).to.deep.equal({ state: 'closed', calls: 19, failures: 19 });
  });

  it('opens when half of 20 calls have failed', () => {
    const { cells, call } = setUp();
    for (let i = 0; i < 10; i++) call('success');
    for (let i = 0; i < 9; i++) call('failure');
    expect(cells.state(SLOT).state).to.equal('closed');
    call('failure');
    expect(cells.state(SLOT)).to.deep.equal({ state: 'open', since: 0, retryInMs: 5000 });
    expect(call('success')).to.equal(false);
  });

  it('opens on a success too, when that is the twentieth call', () => {
    const { cells, call } = setUp();
    for (let i = 0; i < 19; i++) call('failure');
    call('success');
    expect(cells.state(SLOT).state).to.equal('open');
  });

  it('keeps the counts that opened it until it closes, however often its probes fail and at any age', () => {
    for (const startMs of [0, 255_900, 511_000, 2 ** 32 - 3_000]) {
      const { time, cells, call } = setUp(startMs);
      for (let n = 0; n < 100; n++) call('success');
      expect(cells.tripped(SLOT)).to.equal(undefined);
      time.now += 11_000;
      for (let n = 0; n < 8; n++) call('success');
      time.now += 2_000;
      for (let n = 0; n < 12; n++) call('failure');
      // A span of the window has 256 s, and after 5,632 s its buckets look recent again.
      for (const age of [0, 4_000, 100_000, 257_000, 600_000, 5_632_000, 90_000_000]) {
        time.now += age;
        expect(cells.tripped(SLOT), `${startMs} + ${age}`).to.deep.equal({ calls: 20, failures: 12 });
        call('failure');
        expect(cells.tripped(SLOT), `${startMs} + ${age}`).to.deep.equal({ calls: 20, failures: 12 });
      }
      time.now += 5_000;
      for (let n = 0; n < 3; n++) call('success');
      expect(cells.state(SLOT).state).to.equal('closed');
      expect(cells.tripped(SLOT)).to.equal(undefined);
    }
  });

  it('shows no counts that opened it while an operator forces it', () => {
    const { cells, open } = setUp();
    open();
    cells.force(SLOT, 'open');
    expect(cells.tripped(SLOT)).to.equal(undefined);
  });

  it('forgets calls that are more than ten seconds old', () => {
    const { time, cells, call } = setUp();
    for (let i = 0; i < 19; i++) call('failure');
    time.now = 10_001;
    call('failure');
    expect(cells.state(SLOT)).to.deep.equal({ state: 'closed', calls: 1, failures: 1 });
  });

  it('does not count ignored outcomes', () => {
    const { cells, call } = setUp();
    for (let i = 0; i < 100; i++) call('ignored');
    expect(cells.state(SLOT)).to.deep.equal({ state: 'closed', calls: 0, failures: 0 });
  });

  it('admits exactly three probes after five seconds, and no call before', () => {
    const { time, cells, open, sibling } = setUp();
    open();
    time.now = 4_999;
    expect(cells.admit(SLOT)).to.equal(REFUSED);
    expect(cells.retryInMs(SLOT)).to.equal(1);
    time.now = 5_000;
    const other = sibling(2);
    const tickets = [cells, other, cells, other, cells, other].map((each) => each.admit(SLOT));
    expect(tickets.filter((ticket) => ticket !== REFUSED)).to.have.length(3);
    expect(cells.state(SLOT)).to.deep.equal({ state: 'half-open', permitted: 3, taken: 3, succeeded: 0 });
  });

  it('closes with an empty window when all three probes succeed, in whatever threads', () => {
    const { time, cells, open, sibling } = setUp();
    open();
    time.now = 5_000;
    const other = sibling(2);
    for (const each of [cells, other, cells]) each.settle(SLOT, each.admit(SLOT), 'success');
    expect(cells.state(SLOT)).to.deep.equal({ state: 'closed', calls: 0, failures: 0 });
    expect(cells.transitions(SLOT)).to.deep.equal({ open: 1, halfOpen: 1, closed: 1 });
  });

  it('opens again for five seconds when one probe fails, and ignores the other probes', () => {
    const { time, cells, open } = setUp();
    open();
    time.now = 5_000;
    const tickets = [cells.admit(SLOT), cells.admit(SLOT), cells.admit(SLOT)];
    cells.settle(SLOT, tickets[0]!, 'failure');
    cells.settle(SLOT, tickets[1]!, 'success');
    cells.settle(SLOT, tickets[2]!, 'failure');
    expect(cells.state(SLOT)).to.deep.equal({ state: 'open', since: 5_000, retryInMs: 5_000 });
    expect(cells.transitions(SLOT)).to.deep.equal({ open: 2, halfOpen: 1, closed: 0 });
  });

  it('gives the permit of an ignored probe to the next call', () => {
    const { time, cells, open } = setUp();
    open();
    time.now = 5_000;
    const tickets = [cells.admit(SLOT), cells.admit(SLOT), cells.admit(SLOT)];
    expect(cells.admit(SLOT)).to.equal(REFUSED);
    cells.settle(SLOT, tickets[0]!, 'ignored');
    expect(cells.admit(SLOT)).not.to.equal(REFUSED);
    expect(cells.admit(SLOT)).to.equal(REFUSED);
  });

  it('is not blocked by probes that never end: after ten seconds they count as failed', () => {
    const { time, cells, call, open } = setUp();
    open();
    time.now = 5_000;
    for (let i = 0; i < 3; i++) cells.admit(SLOT);
    time.now = 14_999;
    expect(cells.admit(SLOT)).to.equal(REFUSED);
    expect(cells.state(SLOT).state).to.equal('half-open');
    time.now = 15_000;
    expect(cells.admit(SLOT)).to.equal(REFUSED);
    expect(cells.state(SLOT)).to.deep.equal({ state: 'open', since: 15_000, retryInMs: 5_000 });
    time.now = 20_000;
    for (let i = 0; i < 3; i++) expect(call('success')).to.equal(true);
    expect(cells.state(SLOT).state).to.equal('closed');
  });

  it('counts probes that end too late, until other probes are admitted', () => {
    const late = (probeMs: number, outcomes: readonly AttemptOutcome[]) => {
      const { time, cells, sibling, open } = setUp();
      open();
      time.now = 5_000;
      const tickets = [1, 2, 3].map(() => cells.admit(SLOT));
      // As after a pause of the process, another thread finds the probes expired before their own thread
      // runs.
      time.now += probeMs;
      expect(sibling(2).admit(SLOT)).to.equal(REFUSED);
      for (const [index, outcome] of outcomes.entries()) cells.settle(SLOT, tickets[index]!, outcome);
      return { time, cells, tickets };
    };
    const { cells: closed } = late(10_000, ['success', 'success', 'success']);
    expect(closed.state(SLOT)).to.deep.equal({ state: 'closed', calls: 0, failures: 0 });
    const { cells: waiting, time: later } = late(14_000, ['success', 'ignored']);
    const state = { state: 'half-open', permitted: 3, taken: 2, succeeded: 1 };
    expect(waiting.state(SLOT)).to.deep.equal(state);
    // The third probe keeps its time, also when the remaining permit is not taken.
    later.now += 9_999;
    expect(waiting.admit(SLOT)).not.to.equal(REFUSED);
    expect(waiting.state(SLOT).state).to.equal('half-open');
    const { cells: failed } = late(10_000, ['success', 'failure', 'ignored', 'success']);
    expect(failed.state(SLOT)).to.deep.equal({ state: 'open', since: 15_000, retryInMs: 5_000 });
    const { cells: others, time, tickets } = late(10_000, ['success']);
    time.now += 10_000;
    expect(others.admit(SLOT), 'a permit is there').to.equal(REFUSED);
    time.now += 5_000;
    expect(others.admit(SLOT)).not.to.equal(REFUSED);
    for (const ticket of tickets.slice(1)) others.settle(SLOT, ticket, 'success');
    expect(others.state(SLOT)).to.deep.include({ state: 'half-open', taken: 1, succeeded: 0 });
  });

  it('releases the permits of a lost worker, but not those of its probes that ended', () => {
    const { time, cells, open, sibling } = setUp();
    open();
    time.now = 5_000;
    const lost = sibling(2);
    lost.settle(SLOT, lost.admit(SLOT), 'success');
    lost.admit(SLOT);
    lost.admit(SLOT);
    expect(cells.admit(SLOT)).to.equal(REFUSED);
    sibling(0).reclaim(2);
    expect(cells.state(SLOT)).to.deep.equal({ state: 'half-open', permitted: 3, taken: 1, succeeded: 1 });
    sibling(0).reclaim(2);
    expect(cells.state(SLOT)).to.include({ taken: 1 });
  });

  it('gives a refused call the permit of a probe whose thread was lost in the middle of an operation', () => {
    const { time, cells, open, sibling } = setUp();
    open();
    time.now = 5_000;
    const taken = (): number => Number({ taken: 0, ...cells.state(SLOT) }.taken);
    cutInTwo(
      () => sibling(2).admit(SLOT),
      () => taken() === 1,
    );
    // No census succeeds while another thread is stopped in the middle of an operation.
    meanwhileAt(
      8,
      () => sibling(0).reclaim(2),
      () => cells.admit(SLOT),
    );
    cells.admit(SLOT);
    expect(taken()).to.equal(3);
    expect(sibling(0).admit(SLOT)).not.to.equal(REFUSED);
    expect(sibling(0).admit(SLOT)).to.equal(REFUSED);
  });

  it('does not count calls that began before it opened', () => {
    const { time, cells, open } = setUp();
    const late = [cells.admit(SLOT), cells.admit(SLOT)];
    open();
    time.now = 5_000;
    cells.admit(SLOT);
    for (const ticket of late) cells.settle(SLOT, ticket, 'failure');
    expect(cells.state(SLOT)).to.deep.equal({ state: 'half-open', permitted: 3, taken: 1, succeeded: 0 });
  });

  it('refuses everything while forced open and admits everything while forced closed', () => {
    const { time, cells, call } = setUp();
    cells.force(SLOT, 'open');
    time.now = 60_000;
    expect(cells.admit(SLOT)).to.equal(REFUSED);
    expect(cells.retryInMs(SLOT)).to.equal(Number.POSITIVE_INFINITY);
    expect(cells.state(SLOT)).to.deep.equal({ state: 'forced-open' });
    cells.force(SLOT, 'closed');
    for (let i = 0; i < 100; i++) expect(call('failure')).to.equal(true);
    expect(cells.state(SLOT)).to.deep.equal({ state: 'forced-closed' });
    cells.force(SLOT, 'auto');
    expect(cells.state(SLOT)).to.deep.equal({ state: 'closed', calls: 0, failures: 0 });
  });

  it('stays open when it is set to auto and was not forced', () => {
    const { cells, open } = setUp();
    open();
    cells.force(SLOT, 'auto');
    expect(cells.state(SLOT).state).to.equal('open');
  });

  it('starts anew for another endpoint, and ignores calls of the previous one', () => {
    const { cells, open } = setUp();
    const late = cells.admit(SLOT);
    open();
    cells.reset(SLOT);
    expect(cells.state(SLOT)).to.deep.equal({ state: 'closed', calls: 0, failures: 0 });
    cells.settle(SLOT, late, 'failure');
    expect(cells.state(SLOT)).to.include({ calls: 0 });
  });

  it('continues to count transitions when another endpoint takes the slot, so that totals never go down', () => {
    const { cells, open } = setUp();
    open();
    cells.reset(SLOT);
    open();
    cells.reset(SLOT);
    expect(cells.transitions(SLOT)).to.deep.equal({ open: 2, halfOpen: 0, closed: 0 });
    expect(cells.totalTransitions()).to.deep.equal({ open: 2, halfOpen: 0, closed: 0 });
  });

  it('forgets its counts and calls when it is reset while closed; while open, it stays open until its time is over', () => {
    const { time, cells, call, open } = setUp();
    for (let i = 0; i < 15; i++) call('failure');
    const underWay = cells.admit(SLOT);
    cells.forget(SLOT);
    cells.settle(SLOT, underWay, 'failure');
    expect(cells.state(SLOT)).to.deep.equal({ state: 'closed', calls: 0, failures: 0 });
    open();
    time.now = 3_000;
    cells.forget(SLOT);
    expect(cells.state(SLOT)).to.deep.equal({ state: 'open', since: 0, retryInMs: 2_000 });
  });

  it('does not affect other endpoints', () => {
    const { cells, open } = setUp();
    open();
    for (const slot of [SLOT - 1, SLOT + 1]) {
      expect(cells.state(slot)).to.deep.equal({ state: 'closed', calls: 0, failures: 0 });
    }
  });

  it('refuses a rule whose probes do not fit the word', () => {
    const block = Block.create({ workers: 1 });
    for (const probes of [0, 16, Number.NaN]) {
      expect(() => new BreakerCells(block, 0, { ...DEFAULT_TRIP_RULE, probes }, () => 0)).to.throw(
        RangeError,
      );
    }
  });

  it('behaves as its model does, for any events in any order', () => {
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ do: fc.constant('start' as const), times: fc.integer({ min: 1, max: 25 }) }),
      },
      {
        weight: 6,
        arbitrary: fc.record({
          do: fc.constant('end' as const),
          times: fc.integer({ min: 1, max: 25 }),
          outcome: fc.constantFrom<AttemptOutcome>('success', 'failure', 'failure', 'ignored'),
        }),
      },
      {
        weight: 4,
        arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 12_000 }) }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          do: fc.constant('force' as const),
          to: fc.constantFrom('open' as const, 'closed' as const, 'auto' as const),
        }),
      },
    );
    // Some runs begin just before the word of the clock wraps around.
    const start = fc.constantFrom(0, 2 ** 31 - 8_000, 2 ** 32 - 8_000);
    fc.assert(
      fc.property(start, fc.array(step, { maxLength: 60 }), (startMs, steps) => {
        const { time, cells } = setUp(startMs);
        const model = new BreakerModel(DEFAULT_TRIP_RULE, startMs);
        const tickets: { cell: number; model: number }[] = [];
        for (const each of steps) {
          if (each.do === 'wait') {
            time.now += each.ms;
            model.now += each.ms;
          } else if (each.do === 'force') {
            cells.force(SLOT, each.to);
            model.force(each.to);
          } else if (each.do === 'start') {
            for (let i = 0; i < each.times; i++) {
              const admits = cells.admits(SLOT);
              const ticket = { cell: cells.admit(SLOT), model: model.admit() };
              expect(admits, 'admits').to.equal(ticket.cell !== REFUSED);
              expect(ticket.cell === REFUSED).to.equal(ticket.model === -1);
              if (ticket.cell !== REFUSED) tickets.push(ticket);
            }
          } else {
            for (const ticket of tickets.splice(0, each.times)) {
              cells.settle(SLOT, ticket.cell, each.outcome);
              model.settle(ticket.model, each.outcome);
            }
          }
          expect(cells.state(SLOT).state).to.equal(model.look());
        }
        expect(cells.transitions(SLOT)).to.deep.equal(model.transitions);
      }),
      { numRuns: 300 },
    );
  });
});
