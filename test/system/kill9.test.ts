import { expect } from 'chai';
import { killStorm } from '#test/support/kill-storm.js';
import { newSeed } from '#test/support/random.js';

const KILLS = 2;

describe('kill -9 during checkouts', () => {
  const seed = newSeed();
  it(`leaves every saga completed or compensated after a restart (${KILLS} kills, seed ${seed})`, async function () {
    this.timeout(150_000);
    const report = await killStorm(KILLS, seed);
    expect(report.faults, JSON.stringify(report, null, 2)).to.deep.equal([]);
    expect(report.answered, 'checkouts that got a response').to.be.at.least(KILLS * 5);
    expect(report.sent, 'checkouts that were cut off').to.be.greaterThan(report.answered);
  });
});
