// A short form of locked-table.long.ts.
import { expect } from 'chai';
import { lockStorm } from '#test/support/lock-storm.js';
import { newSeed } from '#test/support/random.js';

describe('checkouts while the payments are locked', () => {
  const seed = newSeed();
  it(`are paid when they are completed, and gone when they are not (seed ${seed})`, async function () {
    this.timeout(120_000);
    const report = await lockStorm(1, 72, seed);
    expect(report.faults, JSON.stringify(report, null, 2)).to.deep.equal([]);
  });
});
