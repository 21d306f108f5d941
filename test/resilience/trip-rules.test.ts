import { expect } from 'chai';
import { DEFAULT_TRIP_RULE } from '#src/resilience/trip-rules.js';

describe('trip rule', () => {
  const cases: readonly [calls: number, failures: number, trips: boolean][] = [
    [0, 0, false],
    [19, 19, false],
    [20, 9, false],
    [20, 10, true],
    [21, 10, false],
    [21, 11, true],
    [1_000, 499, false],
    [1_000, 500, true],
  ];
  for (const [calls, failures, trips] of cases) {
    it(`${trips ? 'opens' : 'does not open'} for ${failures} failures of ${calls} calls`, () => {
      expect(DEFAULT_TRIP_RULE.trips(calls, failures)).to.equal(trips);
    });
  }
});
