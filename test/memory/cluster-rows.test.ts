// Which keys of limits over several processes have rows, and how long.
import { expect } from 'chai';
import { NO_SHARE } from '#src/memory/rate/cluster-rates.js';
import { RefusedKeys } from '#src/memory/rate/hot-cells.js';
import { HOUR_MS, setUp } from './cluster-world.js';
import { usageNow } from './usage-now.js';

describe('the rows of a limit over several processes', () => {
  for (const [burst, count] of [
    [10, 1],
    [10, 2],
    [64, 8],
    [100, 10],
    [100, 7],
    [3, 12],
  ] as const) {
    it(`keeps rows as long as a burst of ${burst} takes to come back, whatever is asked for by ${count}`, () => {
      const { rates, members, pass } = setUp();
      const [limit, intervalMs] = [rates.limit('limit', 10, burst), 10.01];
      members(count);
      pass(100_000);
      const keys = Array.from({ length: 40 }, (_, n) => `key ${n}`);
      const taken = keys.filter((key) => {
        for (let n = 0; n < burst; n++) limit.take(key);
        return limit.take(key) < 0;
      });
      expect(taken.length).to.equal(40);
      const inUse = usageNow(rates).inUse;
      expect(inUse).to.be.within(1, 40);
      // Where a burst is not divided evenly, a row may be that of a share with one permit more.
      const rest = burst % count === 0 ? 0 : count * intervalMs;
      pass(burst * intervalMs - rest - 2);
      expect(usageNow(rates).inUse).to.equal(inUse);
      pass(2 * rest + 4);
      expect(usageNow(rates).inUse).to.equal(0);
      for (const _ of rates.sweepInParts());
      expect(limit.take('key 1')).to.not.equal(NO_SHARE);
    });
  }

  it('gives rows to other keys as soon as they carry no state', () => {
    const { rates, members, pass, overflows } = setUp({ rateBuckets: 1 });
    const limit = rates.limit('limit', 10, 100);
    members(10);
    pass(100_000);
    for (let n = 0; n < 100; n++) {
      for (let key = 0; key < 6; key++) expect(limit.take(`key ${n} ${key}`)).to.be.above(0);
      // One of ten permits, at a tenth of the rate.
      pass(100.1);
    }
    expect(overflows()).to.equal(0);
  });

  it('admits keys without a row by turns, and never later than a minute after the others have ended', () => {
    const { rates, members, pass, overflows } = setUp({ rateBuckets: 1 });
    const limit = rates.limit('limit', 1_000, 200);
    members(4);
    pass(HOUR_MS / 2);
    const fill = (): void => {
      for (let key = 0; key < 6; key++) for (let n = 0; n < 50; n++) limit.take(`key ${key}`);
    };
    fill();
    let admitted = 0;
    for (let n = 0; n < 1_000; n++, pass(0.001)) if (limit.take(`newcomer ${n}`) > 0) admitted += 1;
    // A minute of a quarter of one per second, and no part of a permit.
    expect(admitted).to.equal(14);
    expect(overflows()).to.equal(1_000);
    pass(60_100);
    fill();
    expect(limit.take('late')).to.be.above(0);
  });

  it('begins with nothing in a row of its own while others share the overflow row', () => {
    const { rates, members, pass, overflows } = setUp({ rateBuckets: 1 });
    const limit = rates.limit('limit', 1_000, 8);
    members(2);
    pass(HOUR_MS / 2);
    for (let key = 0; key < 6; key++) for (let n = 0; n < 4; n++) limit.take(`key ${key}`);
    for (let n = 0; n < 4; n++, pass(0.001)) expect(limit.take('late')).to.be.above(0);
    expect(limit.take('late')).to.be.below(0);
    // A row is free, and the overflow row carries state still.
    pass(6_100);
    for (let key = 1; key < 6; key++) for (let n = 0; n < 4; n++) limit.take(`key ${key}`);
    expect(limit.take('others')).to.be.above(0);
    const before = overflows();
    pass(2_100);
    expect(limit.take('late'), 'nothing').to.be.below(0);
    expect(overflows()).to.equal(before);
    pass(2_100);
    expect(limit.take('late'), 'a permit after its interval').to.be.above(0);
  });

  it('admits no more in the overflow row by a part that has become smaller', () => {
    const { block, rates, members, pass, page, overflows } = setUp({ rateBuckets: 1 });
    const limit = rates.limit('limit', 50, 24);
    const refused = new RefusedKeys(block);
    members(1);
    limit.take('hot');
    const { low, high, interval, burst } = refused.read()[0]!;
    pass(HOUR_MS / 2);
    for (let key = 0; key < 6; key++) for (let n = 0; n < 24; n++) limit.take(`key ${key}`);
    const divide = (rate: number): void =>
      page.divide([{ low, high, interval, burst, slot: 0, isShare: false, rate, permits: 24 }]);
    divide(500_000);
    pass(110);
    expect(limit.take('hot')).to.be.above(0);
    divide(100_000);
    pass(110);
    expect(limit.take('hot')).to.be.below(0);
    pass(400);
    expect(limit.take('hot')).to.be.above(0);
    expect(overflows()).to.be.above(2);
  });
});
