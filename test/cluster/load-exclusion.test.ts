import { expect } from 'chai';
import fc from 'fast-check';
import { excludedByLoad, excludedToFill, type WorkerLoad, weightOf } from '#src/cluster/load-exclusion.js';

/** Workers whose load does not change and of which none is excluded. */
const steady = (...weights: number[]): WorkerLoad[] =>
  weights.map((weight) => ({ current: weight, longLived: weight, isExcluded: false }));

const seen = fc.record({ current: fc.nat(10_000), longLived: fc.nat(10_000), isExcluded: fc.boolean() });

describe('the exclusion of workers by load', () => {
  it('counts connections, busy ones twice', () => {
    expect(weightOf({ connections: 3, inFlight: 2 })).to.equal(5);
  });

  for (const [what, workers, out] of [
    ['none when all have the same load', steady(50, 50, 50), [false, false, false]],
    ['none for a few more connections', steady(0, 16), [false, false]],
    ['none for a quarter more', steady(100, 160), [false, false]],
    ['a worker with clearly more load', steady(0, 40), [false, true]],
    ['only the heavier one of two crowded workers among three', steady(0, 400, 500), [false, false, true]],
    ['up to half of the workers', steady(0, 0, 300, 400), [false, false, true, true]],
    ['none when there is only one', steady(1000), [false]],
    ['none when there are none', [], []],
    [
      'none for connections that come and go',
      [
        { current: 500, longLived: 5, isExcluded: false },
        { current: 0, longLived: 0, isExcluded: false },
      ],
      [false, false],
    ],
    [
      'a worker that was excluded and still has slightly more',
      [
        { current: 130, longLived: 130, isExcluded: true },
        { current: 90, longLived: 0, isExcluded: false },
      ],
      [true, false],
    ],
    [
      'no longer a worker that was excluded and is level',
      [
        { current: 100, longLived: 100, isExcluded: true },
        { current: 90, longLived: 0, isExcluded: false },
      ],
      [false, false],
    ],
  ] as const) {
    it(`excludes ${what}`, () => {
      expect(excludedByLoad(workers)).to.deep.equal(out);
    });
  }

  it('never excludes more than half, nor a worker that does not exceed the mean', () => {
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

  it('repeats its decision while nothing changes', () => {
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

describe('the exclusion of workers while connections are expected back', () => {
  for (const [what, workers, out] of [
    ['a worker with all connections', [4, 0], [true, false]],
    ['a worker with one more connection', [4, 3], [true, false]],
    ['all but the worker without connections', [9, 9, 10, 0], [true, true, true, false]],
    ['none when all have the same number', [3, 3, 3], [false, false, false]],
    ['none for a few more among many', [100, 103, 101], [false, false, false]],
    ['none when there is only one', [10], [false]],
    ['none when there are none', [], []],
  ] as const) {
    it(`excludes ${what}`, () => expect(excludedToFill(workers)).to.deep.equal(out));
  }

  it('never excludes the worker with the fewest, nor one with fewer than an included worker', () => {
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
