import { expect } from 'chai';
import fc from 'fast-check';
import { excludedByLoad, excludedToFill, type WorkerLoad, weightOf } from '#src/cluster/load-exclusion.js';

/** What longLived is what is there current, and nobody is left out yet. */
const steady = (...weights: number[]): WorkerLoad[] =>
  weights.map((weight) => ({ current: weight, longLived: weight, isExcluded: false }));

const seen = fc.record({ current: fc.nat(10_000), longLived: fc.nat(10_000), isExcluded: fc.boolean() });

describe('the placement of connections', () => {
  it('counts connections, and those that are busy twice', () => {
    expect(weightOf({ connections: 3, inFlight: 2 })).to.equal(5);
  });

  for (const [what, workers, out] of [
    ['nobody when all have the same', steady(50, 50, 50), [false, false, false]],
    ['nobody for a few connections more', steady(0, 16), [false, false]],
    ['nobody for a quarter more', steady(100, 160), [false, false]],
    ['who has clearly more', steady(0, 40), [false, true]],
    ['the heaviest of two when they are three', steady(0, 400, 500), [false, false, true]],
    ['as many as half', steady(0, 0, 300, 400), [false, false, true, true]],
    ['nobody when there is no other', steady(1000), [false]],
    ['nobody when there is nobody', [], []],
    [
      'nobody for what comes and goes',
      [
        { current: 500, longLived: 5, isExcluded: false },
        { current: 0, longLived: 0, isExcluded: false },
      ],
      [false, false],
    ],
    [
      'still who was left out and has a little more',
      [
        { current: 130, longLived: 130, isExcluded: true },
        { current: 90, longLived: 0, isExcluded: false },
      ],
      [true, false],
    ],
    [
      'no longer who was left out and is level',
      [
        { current: 100, longLived: 100, isExcluded: true },
        { current: 90, longLived: 0, isExcluded: false },
      ],
      [false, false],
    ],
  ] as const) {
    it(`leaves out ${what}`, () => {
      expect(excludedByLoad(workers)).to.deep.equal(out);
    });
  }

  it('never leaves out more than half, nor one that has no more than the mean', () => {
    fc.assert(
      fc.property(fc.array(seen, { maxLength: 16 }), (workers) => {
        const out = excludedByLoad(workers);
        const mean = workers.reduce((sum, { current }) => sum + current, 0) / workers.length;
        expect(out.filter(Boolean).length).to.be.at.most(Math.floor(workers.length / 2));
        for (const [index, { current }] of workers.entries())
          if (out[index]) expect(current).to.be.above(mean);
      }),
    );
  });

  it('decides the same again while nothing changes', () => {
    fc.assert(
      fc.property(fc.array(seen, { maxLength: 16 }), (workers) => {
        const looked = (list: readonly WorkerLoad[]): WorkerLoad[] => {
          const out = excludedByLoad(list);
          return list.map((one, index) => ({ ...one, longLived: one.current, isExcluded: out[index]! }));
        };
        const settled = looked(looked(workers));
        expect(looked(settled)).to.deep.equal(settled);
      }),
    );
  });
});

describe('the placement of connections that have lost their worker', () => {
  for (const [what, workers, out] of [
    ['the one that has all', [4, 0], [true, false]],
    ['the one that has one more', [4, 3], [true, false]],
    ['all but the one that has none', [9, 9, 10, 0], [true, true, true, false]],
    ['nobody when all have the same', [3, 3, 3], [false, false, false]],
    ['nobody for a few more among many', [100, 103, 101], [false, false, false]],
    ['nobody when there is no other', [10], [false]],
    ['nobody when there is nobody', [], []],
  ] as const) {
    it(`leaves out ${what}`, () => expect(excludedToFill(workers)).to.deep.equal(out));
  }

  it('never leaves out the one with the fewest, nor one that has less than another that is not', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(10_000), { minLength: 1, maxLength: 16 }), (workers) => {
        const out = excludedToFill(workers);
        expect(out[workers.indexOf(Math.min(...workers))]).to.equal(false);
        const most = Math.max(...workers.filter((_, index) => !out[index]));
        for (const [index, connections] of workers.entries()) {
          if (out[index]) expect(connections).to.be.above(most);
        }
      }),
    );
  });
});
