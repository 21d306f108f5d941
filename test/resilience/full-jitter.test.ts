import { expect } from 'chai';
import fc from 'fast-check';
import { fullJitter } from '#src/resilience/full-jitter.js';

describe('backoff with full jitter', () => {
  it('doubles the upper bound with every attempt, up to the maximum', () => {
    const almostOne = fullJitter({ baseMs: 100, maxMs: 1_000 }, () => 1);
    expect([1, 2, 3, 4, 5, 50].map(almostOne)).to.deep.equal([100, 200, 400, 800, 1_000, 1_000]);
  });

  it('spreads waits evenly from zero to the bound', () => {
    expect(fullJitter({ baseMs: 100, maxMs: 1_000 }, () => 0)(3)).to.equal(0);
    expect(fullJitter({ baseMs: 100, maxMs: 1_000 }, () => 0.25)(3)).to.equal(100);
  });

  it('stays finite for any number of attempts', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (attempt, chance) => {
          expect(fullJitter({ baseMs: 25, maxMs: 1_000 }, () => chance)(attempt)).to.be.within(0, 1_000);
        },
      ),
    );
  });

  it('throws a RangeError for bounds that make no sense', () => {
    for (const bounds of [
      { baseMs: 0, maxMs: 1 },
      { baseMs: 2, maxMs: 1 },
      { baseMs: Number.NaN, maxMs: 1 },
    ]) {
      expect(() => fullJitter(bounds, Math.random)).to.throw(RangeError);
    }
  });
});
