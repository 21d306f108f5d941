import { expect } from 'chai';
import fc from 'fast-check';
import { KINDS, NATIVE_APART_MS, planOf } from './plan.js';

const seeds = fc.integer({ min: 0, max: 2 ** 31 });

describe('the plan of a chaos run', () => {
  it('is the same for the same seed, and the beginning of a longer plan', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const long = planOf(seed, 60_000);
        expect(planOf(seed, 60_000)).to.deep.equal(long);
        const short = planOf(seed, 20_000);
        expect(long.slice(0, short.length)).to.deep.equal(short);
      }),
      { numRuns: 50 },
    );
  });

  it('differs between seeds', () => {
    expect(planOf(1, 60_000)).to.not.deep.equal(planOf(2, 60_000));
  });

  it('contains every kind of fault within two rounds, in order of time', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const plan = planOf(seed, 2 * KINDS.length * 1_250);
        expect(new Set(plan.map(({ kind }) => kind))).to.deep.equal(new Set(KINDS));
        for (const [index, { atMs }] of plan.entries())
          expect(atMs).to.be.greaterThan(plan[index - 1]?.atMs ?? 0);
      }),
      { numRuns: 50 },
    );
  });

  it('never stalls two threads in native code at once', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const natives = planOf(seed, 120_000).filter(({ kind }) => kind === 'native stall');
        for (const [index, { atMs }] of natives.entries()) {
          if (index > 0) expect(atMs - natives[index - 1]!.atMs).to.be.at.least(NATIVE_APART_MS);
        }
      }),
      { numRuns: 50 },
    );
  });
});
