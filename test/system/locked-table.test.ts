// A short form of locked-table.long.ts.
import { expect } from 'chai';
import { lockStorm } from '#test/support/lock-storm.js';
import { newSeed } from '#test/support/random.js';

describe('checkouts while the table of payments is locked', () => {
  const seed = newSeed();
  it(`have a payment when they are completed, and leave nothing when they are not (seed ${seed})`, async function () {
    this.timeout(120_000);
    const report = await lockStorm(1, 72, seed);
    expect(report.faults, JSON.stringify(report, null, 2)).to.deep.equal([]);
  });
});
