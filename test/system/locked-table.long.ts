// Outside `npm test`: mocha --timeout 3600000 build/test/system/locked-table.long.js
import { expect } from 'chai';
import { lockStorm } from '#test/support/lock-storm.js';
import { newSeed } from '#test/support/random.js';

const RUNS = 100;

describe('checkouts while the table of payments is locked, the long form', () => {
  const seed = newSeed();
  it(`leave no order without a payment (${RUNS} runs of 72, seed ${seed})`, async function () {
    this.timeout(3_600_000);
    const report = await lockStorm(RUNS, 72, seed);
    console.log(JSON.stringify({ ...report, faults: report.faults.length }));
    expect(report.faults, JSON.stringify(report, null, 2)).to.deep.equal([]);
  });
});
