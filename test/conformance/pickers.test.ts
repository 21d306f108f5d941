// What every balancing strategy must do (src/upstream/picker.ts): add a new strategy to the list.
import { expect } from 'chai';
import fc from 'fast-check';
import { Candidates } from '#src/upstream/candidates.js';
import type { PickerFactory } from '#src/upstream/picker.js';
import { p2cPicker } from '#src/upstream/strategies/power-of-two-choices.js';
import { seeded } from '#test/support/random.js';
import { endpoint } from '#test/upstream/endpoints.js';
import { roundRobinPicker } from '#test/upstream/round-robin.js';
import { tally } from '#test/upstream/tally.js';

const pickers: Readonly<Record<string, PickerFactory>> = {
  'power of two choices': p2cPicker({ inFlight: () => 0, latency: () => 0, now: () => 0 }, seeded(42)),
  'round robin (of the tests)': roundRobinPicker,
};

for (const [name, factory] of Object.entries(pickers)) {
  describe(`the picker "${name}"`, () => {
    it('picks the only candidate', () => {
      const only = endpoint('only');
      expect(factory().pick(new Candidates([only]))).to.equal(only);
    });

    it('picks one of the candidates, whatever the candidates of the pick before were', () => {
      const lists = fc.array(
        fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 10 }),
        { maxLength: 30 },
      );
      fc.assert(
        fc.property(lists, (idLists) => {
          const picker = factory();
          for (const ids of idLists) {
            const candidates = ids.map((id) => endpoint(`i${id}`, { slot: id, weight: 1 + id }));
            expect(candidates).to.include(picker.pick(new Candidates(candidates)));
          }
        }),
      );
    });

    it('spreads picks evenly over candidates of equal weight and load', () => {
      for (const count of tally(factory, [1, 1, 1, 1], 4_000)) expect(count).to.be.within(850, 1_150);
    });
  });
}
