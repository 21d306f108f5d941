import { expect } from 'chai';
import { DEFAULT_TRIP_RULE, tripRule } from '#src/resilience/trip-rules.js';

describe('the trip rule of a breaker', () => {
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

  it('waits for a probe as long as a call may take, or ten seconds when it may take any time', () => {
    expect(tripRule({ openMs: 100, slowCallMs: 700 })).to.include({ openMs: 100, probes: 3, probeMs: 700 });
    expect(tripRule({ openMs: 100, slowCallMs: 0 })).to.include({ probeMs: 10_000 });
  });
});
