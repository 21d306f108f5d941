import { expect } from 'chai';
import fc from 'fast-check';
import { type Linked, LinkedList } from '#src/linked-list.js';

interface Entry extends Linked<Entry> {
  readonly name: number;
}

describe('a linked list', () => {
  it('contains the added and not yet removed entries in order, whichever are removed', () => {
    const step = fc.oneof(fc.constant('add' as const), fc.nat({ max: 30 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const list = new LinkedList<Entry>();
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
          expect(list.size).to.equal(model.length);
          expect(list.oldest).to.equal(model[0]);
          expect(list.newest).to.equal(model.at(-1));
        }
        for (const entry of model) {
          expect(list.oldest).to.equal(entry);
          list.remove(entry);
        }
        expect([list.size, list.oldest, list.newest]).to.deep.equal([0, undefined, undefined]);
      }),
      { numRuns: 200, seed: 7 },
    );
  });
});
