import { expect } from 'chai';
import {
  type BreakerOptions,
  checkedTripNumbers,
  fromStoredNumbers,
  toStoredNumbers,
} from '#src/resilience/breaker-options.js';
import { DEFAULT_TRIP_NUMBERS, tripRule } from '#src/resilience/trip-rules.js';

describe('the numbers of a breaker', () => {
  it('are those of calls by default', () => {
    expect(checkedTripNumbers('it', {})).to.deep.equal(DEFAULT_TRIP_NUMBERS);
  });

  it('are stored as whole numbers, and read back unchanged', () => {
    const numbers = { failureRate: 0.07, minimumCalls: 1, openMs: 86_400_000, probes: 15, slowCallMs: 0 };
    const terms = toStoredNumbers(checkedTripNumbers('it', numbers));
    for (const term of terms) expect(term).to.satisfy((n: number) => Number.isSafeInteger(n) && n < 2 ** 31);
    // Rows can hold more numbers.
    expect(fromStoredNumbers([...terms, -1, -1, -1])).to.deep.equal(numbers);
  });

  it('open it exactly at the failure rate', () => {
    const rule = tripRule({ failureRate: 0.07, minimumCalls: 100 });
    expect([rule.trips(100, 6), rule.trips(100, 7), rule.trips(99, 99)]).to.deep.equal([false, true, false]);
  });

  for (const settings of [
    { failureRate: 0 },
    { failureRate: 1.1 },
    { failureRate: Number.NaN },
    { minimumCalls: 0 },
    { minimumCalls: 1.5 },
    { openMs: 0 },
    { openMs: 99 },
    { openMs: Number.POSITIVE_INFINITY },
    { probes: 0 },
    { probes: 16 },
    { slowCallMs: -1 },
    { slowCallMs: '9' as never },
  ] satisfies BreakerOptions[]) {
    it(`cannot be ${JSON.stringify(settings)}`, () => {
      const [name] = Object.keys(settings);
      expect(() => checkedTripNumbers('it', settings)).to.throw(TypeError, `it: ${name} must be`);
    });
  }
});
