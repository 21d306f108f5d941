import { expect } from 'chai';
import fc from 'fast-check';
import { Block } from '#src/memory/block.js';
import { RetryBudgetCell } from '#src/memory/budget-cell.js';

function setUp(startMs = 0) {
  const time = { now: startMs };
  const block = Block.create({ workers: 2 });
  const one = new RetryBudgetCell(block, () => time.now);
  const other = new RetryBudgetCell(block, () => time.now);
  const drain = (budget: RetryBudgetCell): number => {
    let tokens = 0;
    while (budget.withdraw()) tokens++;
    return tokens;
  };
  return { time, one, other, drain };
}

describe('retry budget', () => {
  it('holds five tokens at first and gets five more each second', () => {
    const { time, one, drain } = setUp();
    expect(drain(one)).to.equal(5);
    time.now += 200;
    expect(drain(one)).to.equal(1);
    time.now += 1_000;
    expect(drain(one)).to.equal(5);
    time.now += 60_000;
    expect(drain(one)).to.equal(5);
  });

  it('adds a fifth of a token for every request', () => {
    const { one, drain } = setUp();
    for (let request = 0; request < 1_000; request++) one.deposit();
    expect(drain(one)).to.equal(200 + 5);
  });

  it('is shared by all threads', () => {
    const { one, other, drain } = setUp();
    for (let request = 0; request < 500; request++) one.deposit();
    expect(drain(other)).to.equal(100 + 5);
    expect(one.withdraw()).to.equal(false);
  });

  it('grants no retry for which another thread has used the calls in the next second meanwhile', () => {
    const block = Block.create({ workers: 2 });
    let now = 4_999;
    let meanwhile: (() => void) | undefined;
    const clock = (): number => {
      const [read, interrupt] = [now, meanwhile];
      meanwhile = undefined;
      interrupt?.();
      return read;
    };
    const [one, other] = [new RetryBudgetCell(block, clock), new RetryBudgetCell(block, clock)];
    while (one.withdraw());
    for (let request = 0; request < 5; request++) one.deposit();
    let granted = 0;
    meanwhile = () => {
      now = 5_000;
      if (other.withdraw()) granted++;
    };
    if (one.withdraw()) granted++;
    expect(granted).to.equal(1);
    for (let request = 0; request < 5; request++) one.deposit();
    expect(other.withdraw(), 'what was taken back is not counted').to.equal(true);
    expect(other.withdraw()).to.equal(false);
  });

  it('forgets requests after the following second', () => {
    const { time, one, drain } = setUp();
    for (let request = 0; request < 1_000; request++) one.deposit();
    time.now += 1_999;
    expect(drain(one)).to.equal(200 + 5);
    for (let request = 0; request < 1_000; request++) one.deposit();
    time.now += 2_000;
    expect(drain(one)).to.equal(5);
  });

  it('still allows its minimum of retries after weeks, when the word of its clock has wrapped', () => {
    for (const start of [0, 2 ** 31 - 1_500, 2 ** 31 + 500, 2 ** 32 - 1_500, 2 ** 32 + 500]) {
      const { time, one, drain } = setUp(start);
      expect(drain(one), `first use at ${start}`).to.equal(5);
      time.now += 1_000;
      expect(drain(one), `a second after ${start}`).to.equal(5);
      time.now += 1_000;
      expect(drain(one), `two seconds after ${start}`).to.equal(5);
      time.now += 2 ** 31 + 5_000;
      expect(drain(one), `24 days after ${start}`).to.equal(5);
    }
  });

  it('allows retries of a fifth of the calls of the last two seconds, and its minimum, at any age and after any silence', () => {
    const step = fc.record({
      waitMs: fc.oneof(
        fc.integer({ min: 0, max: 3_000 }),
        fc.constantFrom(4_000, 3_072_000, 2 ** 31, 2 ** 32),
      ),
      requests: fc.integer({ min: 0, max: 200 }),
      retries: fc.integer({ min: 0, max: 100 }),
    });
    fc.assert(
      fc.property(fc.nat(60 * 86_400_000), fc.array(step, { maxLength: 40 }), (start, steps) => {
        const { time, one, other } = setUp(start);
        const calls = new Map<number, number>();
        /** Retries within a fifth of the calls at the time of the grant, and those beyond. */
        const [paid, trickle] = [new Map<number, number>(), new Map<number, number>()];
        const add = (counts: Map<number, number>, n: number): void => {
          const second = Math.floor(time.now / 1_000);
          counts.set(second, (counts.get(second) ?? 0) + n);
        };
        const around = (counts: Map<number, number>): number => {
          const second = Math.floor(time.now / 1_000);
          return (counts.get(second) ?? 0) + (counts.get(second - 1) ?? 0);
        };
        for (const each of steps) {
          time.now += each.waitMs;
          for (let i = 0; i < each.requests; i++) (i % 2 === 0 ? one : other).deposit();
          add(calls, each.requests);
          let granted = 0;
          const most = Math.floor(around(calls) / 5);
          const left = most - around(paid);
          for (let i = 0; i < each.retries; i++) {
            if (!(i % 2 === 0 ? one : other).withdraw()) continue;
            granted++;
            add(around(paid) < most ? paid : trickle, 1);
          }
          // The tokens of two seconds, and the burst before.
          expect(around(trickle)).to.be.at.most(15);
          expect(granted).to.be.at.least(Math.min(each.retries, left));
        }
      }),
    );
  });

  it('bounds the retries of any window of a second or longer, whatever was saved before, at any age', () => {
    const step = fc.record({
      waitMs: fc.oneof(
        fc.integer({ min: 0, max: 50 }),
        fc.integer({ min: 0, max: 1_500 }),
        fc.constant(2 ** 31),
      ),
      requests: fc.integer({ min: 0, max: 30 }),
      retries: fc.integer({ min: 0, max: 30 }),
    });
    fc.assert(
      fc.property(fc.nat(60 * 86_400_000), fc.array(step, { maxLength: 60 }), (start, steps) => {
        const { time, one, other } = setUp(start);
        const turns: { readonly at: number; readonly requests: number; granted: number }[] = [];
        for (const { waitMs, requests, retries } of steps) {
          time.now += waitMs;
          const turn = { at: time.now, requests, granted: 0 };
          for (let i = 0; i < requests; i++) (i % 2 === 0 ? one : other).deposit();
          for (let i = 0; i < retries; i++) if ((i % 3 === 0 ? one : other).withdraw()) turn.granted++;
          turns.push(turn);
        }
        for (const [index, { at: from }] of turns.entries()) {
          const since = (Math.floor(from / 1_000) - 1) * 1_000;
          let calls = 0;
          for (const { at, requests } of turns.slice(0, index)) if (at >= since) calls += requests;
          let retries = 0;
          for (const { at: to, requests, granted } of turns.slice(index)) {
            calls += requests;
            retries += granted;
            const seconds = Math.max(1, (to - from) / 1_000);
            expect(retries, `from ${from} to ${to}`).to.be.at.most(calls / 5 + 10 * seconds);
          }
        }
      }),
    );
  });
});
