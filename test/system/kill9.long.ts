// The long form of kill9.test.ts, outside `npm test`: mocha --spec build/test/system/kill9.long.js
import { expect } from 'chai';
import { killStorm } from '#test/support/kill-storm.js';
import { newSeed } from '#test/support/random.js';

const KILLS = 20;

describe('kill -9 during checkouts, the long form', () => {
  const seed = newSeed();
  it(`leaves every saga completed or compensated (${KILLS} kills, seed ${seed})`, async function () {
    this.timeout(900_000);
    const report = await killStorm(KILLS, seed);
    console.log(JSON.stringify({ ...report, faults: report.faults.length }));
    expect(report.faults, JSON.stringify(report, null, 2)).to.deep.equal([]);
  });
});
