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
  it('holds ten tokens at first and gets ten more each second', () => {
    const { time, one, drain } = setUp();
    expect(drain(one)).to.equal(10);
    time.now += 100;
    expect(drain(one)).to.equal(1);
    time.now += 1_000;
    expect(drain(one)).to.equal(10);
    time.now += 60_000;
    expect(drain(one)).to.equal(10);
  });

  it('adds a fifth of a token for every request', () => {
    const { one, drain } = setUp();
    for (let request = 0; request < 1_000; request++) one.deposit();
    expect(drain(one)).to.equal(200 + 10);
  });

  it('is one for all threads', () => {
    const { one, other, drain } = setUp();
    for (let request = 0; request < 500; request++) one.deposit();
    expect(drain(other)).to.equal(100 + 10);
    expect(one.withdraw()).to.equal(false);
  });

  it('forgets requests over about ten seconds', () => {
    const { time, one, drain } = setUp();
    for (let request = 0; request < 1_000; request++) one.deposit();
    time.now += 10_000;
    // 200 x 0.9^10, and the ten of the trickle.
    expect(drain(one)).to.equal(69 + 10);
    for (let request = 0; request < 1_000; request++) one.deposit();
    time.now += 120_000;
    expect(drain(one)).to.equal(10);
  });

  it('still gives its trickle after weeks, when the word of its clock has wrapped', () => {
    for (const start of [0, 2 ** 31 - 1_500, 2 ** 31 + 500, 2 ** 32 - 1_500, 2 ** 32 + 500]) {
      const { time, one, drain } = setUp(start);
      expect(drain(one), `first use at ${start}`).to.equal(10);
      time.now += 1_000;
      expect(drain(one), `a second after ${start}`).to.equal(10);
      time.now += 1_000;
      expect(drain(one), `two seconds after ${start}`).to.equal(10);
      time.now += 2 ** 31 + 5_000;
      expect(drain(one), `24 days after ${start}`).to.equal(10);
    }
  });

  it('never allows more than a fifth of all requests plus ten a second plus its burst', () => {
    const step = fc.record({
      waitMs: fc.integer({ min: 0, max: 3_000 }),
      requests: fc.integer({ min: 0, max: 200 }),
      retries: fc.integer({ min: 0, max: 100 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { time, one } = setUp();
        let [requests, retries] = [0, 0];
        for (const each of steps) {
          time.now += each.waitMs;
          for (let i = 0; i < each.requests; i++) one.deposit();
          requests += each.requests;
          for (let i = 0; i < each.retries; i++) if (one.withdraw()) retries++;
          expect(retries).to.be.at.most(requests / 5 + time.now / 100 + 10);
        }
      }),
    );
  });
});
