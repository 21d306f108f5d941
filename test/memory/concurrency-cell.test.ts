import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import {
  ConcurrencyCells,
  type ConcurrencyState,
  type ConcurrencyWindow,
  reclaimInFlight,
} from '#src/memory/concurrency-cell.js';

const FIRST: ConcurrencyState = {
  limit: 10,
  limiting: false,
  learning: 'usual',
  starving: false,
  rate: 0,
  bestRate: 0,
};

/** Two workers of a block, a clock that stands still, and a rule that records what it is asked. */
function setUp(next: Partial<ConcurrencyState> = {}) {
  const block = Block.create({ workers: 2 });
  const time = { now: 1_000 };
  const windows: ConcurrencyWindow[] = [];
  const rule = {
    first: FIRST,
    next: (state: ConcurrencyState, window: ConcurrencyWindow) => {
      windows.push(window);
      return { ...state, ...next };
    },
  };
  const cellsOf = (slot: number) => new ConcurrencyCells(block, slot, rule, () => time.now);
  return { block, time, windows, one: cellsOf(1), two: cellsOf(2), cellsOf };
}

describe('requests in flight', () => {
  it('are bounded over all workers together', () => {
    const { one, two } = setUp();
    expect([one.enter(3), two.enter(3), one.enter(3), two.enter(3)]).to.deep.equal([true, true, true, false]);
    expect(two.enter(4)).to.equal(true);
    one.leave();
    expect([two.enter(3), two.enter(4)]).to.deep.equal([false, true]);
    expect(one.inFlight).to.equal(4);
  });

  it('that a lost worker held are given back, those of others stay', () => {
    const { block, one, two } = setUp();
    for (let n = 0; n < 4; n++) one.enter(10);
    one.leave();
    two.enter(10);
    reclaimInFlight(block, 1);
    expect(two.inFlight).to.equal(1);
    reclaimInFlight(block, 1);
    expect(two.inFlight).to.equal(1);
  });

  it('have one limit, which later threads find as it is', () => {
    const { one, two, cellsOf, time } = setUp({
      limit: 77,
      limiting: true,
      learning: 'most',
      rate: 1000,
      bestRate: 1234,
    });
    expect(one.state).to.deep.equal(FIRST);
    time.now += 1_000;
    two.report(50, 50, 400);
    const expected = {
      limit: 77,
      limiting: true,
      learning: 'most',
      starving: false,
      rate: 1000,
      bestRate: 1234,
    };
    expect([one.state, cellsOf(1).state]).to.deep.equal([expected, expected]);
    expect(one.limit).to.equal(77);
  });

  it('are concluded from once per window, from what all threads have told', () => {
    const { one, two, time, windows } = setUp();
    one.enter(10);
    one.report(1, 1, 20);
    windows.length = 0;
    time.now += 49;
    one.report(30, 45, 900);
    expect(windows).to.deep.equal([]);
    time.now += 1;
    two.report(20, 55, 100);
    expect(windows).to.deep.equal([
      { elapsedMs: 50, answers: 50, ratio: 2, usualMs: 20, inFlight: 1, nowMs: 1_050 },
    ]);
    one.report(5, 5, 100);
    time.now += 50;
    two.report(5, 5, 100);
    expect(windows, 'too few answers for a short window').to.have.length(1);
    time.now += 450;
    two.report(1, 1, 20);
    expect(windows[1]).to.include({ elapsedMs: 500, answers: 11, ratio: 1 });
  });

  it('are concluded from also when the word of the clock wraps, and sums stay in bounds', () => {
    const { one, time, windows } = setUp();
    for (time.now = 2 ** 32 - 5_000; time.now < 2 ** 32; time.now += 4_990) one.report(1, 1, 20);
    time.now -= 4_990;
    windows.length = 0;
    time.now += 60;
    for (let i = 0; i < 1_000; i++) one.report(100, 1e9, 1e9);
    expect(windows.length).to.equal(1);
    expect(windows[0]).to.include({ answers: 100, ratio: 100, usualMs: 5_000 });
    time.now += 60;
    one.report(1, 1, 20);
    expect(windows[1]!.answers).to.equal(99_901);
    expect(windows[1]!.ratio).to.be.above(0);
  });
});
