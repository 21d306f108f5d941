import { expect } from 'chai';
import fc from 'fast-check';
import { type Listed, WaitingList } from '#src/resilience/waiting-list.js';

interface Entry extends Listed<Entry> {
  readonly name: number;
}

describe('waiting list', () => {
  it('has those who have come and not gone, in order, whoever goes when', () => {
    const step = fc.oneof(fc.constant('add' as const), fc.nat({ max: 30 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const list = new WaitingList<Entry>();
        let model: Entry[] = [];
        for (const [name, each] of steps.entries()) {
          if (each === 'add') {
            const entry = { name };
            list.add(entry);
            model.push(entry);
          } else if (model.length > 0) {
            const leaves = model[each % model.length]!;
            list.remove(leaves);
            model = model.filter((entry) => entry !== leaves);
          }
          expect([list.size, list.first]).to.deep.equal([model.length, model[0]]);
        }
        for (const entry of model) {
          expect(list.first).to.equal(entry);
          list.remove(entry);
        }
        expect([list.size, list.first]).to.deep.equal([0, undefined]);
      }),
      { numRuns: 200, seed: 7 },
    );
  });
});
