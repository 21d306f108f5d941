import { expect } from 'chai';
import { EARLY_MS } from '#src/grouped-interval.js';
import { SamplingPace } from '#src/telemetry/sampling-pace.js';
import { seeded } from '#test/support/random.js';

describe('the pace of samples', () => {
  const paceOf = (...costs: readonly number[]): SamplingPace => {
    const pace = new SamplingPace(seeded(1));
    for (const cost of costs) pace.cost(cost);
    return pace;
  };

  it('is between 1 and 200 wake-ups in a second, whatever they cost', () => {
    for (const cost of [0, 1, 10, 50, 100, 1_000, 1e9]) {
      expect(paceOf(cost).meanMs, `${cost} us`).to.be.within(5, 1_000);
    }
    expect(paceOf(8).meanMs).to.equal(5);
    expect(paceOf(56).meanMs).to.be.closeTo(35, 1e-9);
  });

  it('is not slowed by other work of the thread that falls between two samples', () => {
    expect(paceOf(56, 900, 56, 4_000, 56, 700, 56, 800).meanMs).to.be.closeTo(35, 1e-9);
  });

  it('follows a change of the costs', () => {
    expect(paceOf(...new Array(8).fill(100), ...new Array(8).fill(28)).meanMs).to.be.closeTo(17.5, 1e-9);
  });

  it('lets looks run together with works that are due every 50 ms, at times that differ', () => {
    const pace = paceOf();
    const gaps = Array.from({ length: 100 }, () => pace.nextLookMs());
    for (const ms of gaps) expect(ms).to.be.within(50 - EARLY_MS, 50);
    expect(Math.max(...gaps) - Math.min(...gaps)).to.be.above(EARLY_MS / 2);
  });

  it('measures the first samples, then one of 64', () => {
    const pace = paceOf();
    let due = 0;
    for (let sample = 0; sample < 8 + 640; sample++) {
      if (!pace.isMeasureDue()) continue;
      due++;
      pace.cost(50);
    }
    expect(due).to.equal(8 + 10);
  });
});
