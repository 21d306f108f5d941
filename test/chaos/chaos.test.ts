// A short chaos run; `npm run chaos` is the long form.
import { expect } from 'chai';
import { newSeed } from '#test/support/random.js';
import { chaos } from './chaos.js';
import { reportOf } from './report.js';

const SECONDS = 11;

describe('chaos', () => {
  const seed = newSeed();
  it(`loses nothing but what each fault may cost (${SECONDS} s, seed ${seed})`, async function () {
    this.timeout(90_000);
    const report = await chaos({ seconds: SECONDS, seed, workers: 3 });
    expect(report.broken, reportOf(report)).to.deep.equal([]);
    expect(report.faults.size).to.be.greaterThan(5);
    expect(report.recoveries).to.have.length.above(0);
    expect(report.verdicts.get('answered')).to.be.greaterThan(100);
  });
});
