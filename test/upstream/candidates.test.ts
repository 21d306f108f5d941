import { expect } from 'chai';
import fc from 'fast-check';
import { Candidates } from '#src/upstream/candidates.js';
import { endpoint } from './endpoints.js';

const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const weights = (minLength: number) =>
  fc.array(fc.integer({ min: 1, max: 65_535 }), { minLength, maxLength: 40 });
const of = (list: readonly number[]) =>
  new Candidates(list.map((weight, slot) => endpoint(`i${slot}`, { weight, slot })));

/** The same by adding the weights one after the other. */
function walk(list: readonly number[], at: number, except = -1): number {
  let left = at * list.reduce((sum, weight, index) => sum + (index === except ? 0 : weight), 0);
  let last = 0;
  for (const [index, weight] of list.entries()) {
    if (index === except) continue;
    last = index;
    left -= weight;
    if (left < 0) break;
  }
  return last;
}

describe('candidates of a pick', () => {
  it('are drawn in proportion to their weights', () => {
    fc.assert(
      fc.property(weights(1), fc.integer({ min: 0, max: 999 }), (list, thousandth) => {
        // Away from the edges, where rounding could decide.
        const at = (thousandth + 0.5) / 1000;
        expect(of(list).draw(at)).to.equal(walk(list, at));
      }),
    );
  });

  it('are drawn in the same proportion without an excluded one', () => {
    fc.assert(
      fc.property(weights(2), fc.nat(), fc.integer({ min: 0, max: 999 }), (list, pick, thousandth) => {
        const at = (thousandth + 0.5) / 1000;
        const than = pick % list.length;
        expect(of(list).drawOther(at, than)).to.equal(walk(list, at, than));
      }),
    );
  });

  it('are always from the list, also for the smallest and the largest random number', () => {
    const edges = fc.oneof(chance, fc.constantFrom(0, 1 - Number.EPSILON / 2, 1));
    fc.assert(
      fc.property(weights(2), edges, fc.nat(), (list, at, pick) => {
        const than = pick % list.length;
        const candidates = of(list);
        expect(candidates.draw(at)).to.be.within(0, list.length - 1);
        expect(candidates.drawOther(at, than))
          .to.be.within(0, list.length - 1)
          .and.not.equal(than);
      }),
    );
  });
});
