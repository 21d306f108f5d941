// How a key is divided among the members that ask for it.
import { expect } from 'chai';
import { UNITS_PER_MS } from '#src/memory/rate/rate-row.js';
import { memberHash, mostTimesSmaller, WHOLE_RATE } from '#src/memory/rate/share.js';
import { type Asker, baseOf, halvesOf, keyIdOf, loansOf } from '#src/shares/division.js';

const TIMES_SMALLER = 100;
const UNIT = WHOLE_RATE / 10;

/** Members that have all the same share, and are asked for these parts of N. */
const evenly = (demands: readonly number[]): readonly Asker[] => {
  const rate = Math.floor(WHOLE_RATE / demands.length);
  return demands.map((demand, n) => {
    return { id: `m${n}`, base: { rate, permits: 10 }, rate, demand: Math.round(demand * WHOLE_RATE) };
  });
};

/** What each member has when all lend what they should, in hundredths of N. */
function divided(askers: readonly Asker[]): readonly number[] {
  const loans = askers.map(({ id }) => loansOf(id, askers, {}, TIMES_SMALLER));
  return askers.map(({ id, base }, n) => {
    const lent = Object.values(loans[n]!).reduce((sum, { rate }) => sum + rate, 0);
    const borrowed = loans.reduce((sum, parts) => sum + (parts[id]?.rate ?? 0), 0);
    return Math.round(((base.rate - lent + borrowed) / WHOLE_RATE) * 100);
  });
}

describe('a key that is refused somewhere', () => {
  it('is divided in proportion to what is asked for, when that is more than there is', () => {
    expect(divided(evenly([2.7, 0.27, 0.03]))).to.deep.equal([90, 9, 1]);
    expect(divided(evenly([4, 1, 1, 2]))).to.deep.equal([50, 13, 13, 25]);
  });

  it('is divided by what is asked for, and the rest evenly, when that is less', () => {
    expect(divided(evenly([0.7, 0.06, 0.06]))).to.deep.equal([76, 12, 12]);
  });

  for (const [burst, perSecond, part] of [
    [100, 100, 40],
    [20, 20, 40],
    [10, 10 / 60, 10],
    [12, 4, 16],
    [3, 1 / 60, 3],
  ] as const) {
    it(`stays with each member by a ${part}th of its share, of ${perSecond} per second and bursts of ${burst}`, () => {
      const timesSmaller = mostTimesSmaller(burst, Math.ceil(1_000 / perSecond) * UNITS_PER_MS);
      const lent = loansOf('m1', evenly([3, 0]), {}, timesSmaller).m0!.rate;
      expect(WHOLE_RATE / 2 - lent).to.be.closeTo(WHOLE_RATE / 2 / part, 1);
    });
  }

  it('stays as it is while nothing is refused, and where it is about right', () => {
    expect(divided(evenly([0.2, 0.2, 0.2]))).to.deep.equal([33, 33, 33]);
    expect(divided(evenly([1.1, 1, 0.9]))).to.deep.equal([33, 33, 33]);
    const lent = { m1: { rate: 5, permits: 0 } };
    expect(loansOf('m0', evenly([1.1, 1, 0.9]), lent, TIMES_SMALLER)).to.equal(lent);
  });

  it('gives its permits to the members that are asked most, where there are too few of them', () => {
    const whole = { rate: WHOLE_RATE, permits: 1 };
    const nothing = { rate: 0, permits: 0 };
    const askers = (own: number, other: number): readonly Asker[] => [
      { id: 'a', base: whole, rate: WHOLE_RATE, demand: own * UNIT },
      { id: 'b', base: nothing, rate: 0, demand: other * UNIT },
      { id: 'c', base: nothing, rate: 0, demand: 0 },
    ];
    expect(loansOf('a', askers(10, 21), {}, 1)).to.deep.equal({ b: whole });
    expect(loansOf('a', askers(10, 19), {}, 1)).to.deep.equal({});
    expect(loansOf('a', askers(10, 19), { b: whole }, 1)).to.deep.equal({ b: whole });
    expect(loansOf('a', askers(10, 9), { b: whole }, 1)).to.deep.equal({});
    expect(loansOf('b', askers(10, 21), {}, 1)).to.deep.equal({});
  });

  it('never has more parts than the whole, whoever is asked', () => {
    const members = ['a', 'b', 'c', 'd', 'e'];
    const hashes = Int32Array.from(members, memberHash);
    for (const burst of [1, 3, 5, 7, 100]) {
      for (let n = 0; n < 50; n++) {
        const key = keyIdOf(Math.imul(n, 0x9e3779b1), Math.imul(n, 0x85ebca6b));
        const parts = members.map((_, index) => baseOf(key, burst, hashes, index));
        expect(parts.reduce((sum, { permits }) => sum + permits, 0)).to.equal(burst);
        expect(parts.reduce((sum, { rate }) => sum + rate, 0)).to.be.within(WHOLE_RATE - 5, WHOLE_RATE);
      }
    }
  });

  it('has a name from which both halves of its hash come back', () => {
    for (const [low, high] of [
      [0, -1],
      [-2147483648, 1],
      [123456, -654321],
    ] as const) {
      expect(halvesOf(keyIdOf(low, high))).to.deep.equal([low, high]);
    }
  });
});
