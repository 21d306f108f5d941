// One suite for all strategies, then what only one of them promises.
import { expect } from 'chai';
import fc from 'fast-check';
import { Candidates } from '#src/upstream/candidates.js';
import type { Load, PickerFactory } from '#src/upstream/picker.js';
import { p2cPicker } from '#src/upstream/strategies/power-of-two-choices.js';
import { randomPicker } from '#src/upstream/strategies/random.js';
import { roundRobinPicker } from '#src/upstream/strategies/round-robin.js';
import { weightedPicker } from '#src/upstream/strategies/weighted.js';
import { seeded } from '#test/support/random.js';
import { endpoint } from './endpoints.js';

const idle: Load = { inFlight: () => 0, latency: () => 0, now: () => 0 };
const random = seeded(42);
const strategies: Readonly<Record<string, PickerFactory>> = {
  p2c: p2cPicker(idle, random),
  'round robin': roundRobinPicker,
  random: randomPicker(random),
  weighted: weightedPicker(random),
};

function tally(factory: PickerFactory, weights: readonly number[], picks: number): readonly number[] {
  const candidates = new Candidates(weights.map((weight, slot) => endpoint(`i${slot}`, { weight, slot })));
  const picker = factory();
  const counts = weights.map(() => 0);
  for (let i = 0; i < picks; i++) counts[picker.pick(candidates).slot]!++;
  return counts;
}

for (const [name, factory] of Object.entries(strategies)) {
  describe(`picker: ${name}`, () => {
    it('picks the only candidate', () => {
      const only = endpoint('only');
      expect(factory().pick(new Candidates([only]))).to.equal(only);
    });

    it('always picks one of the candidates, whichever they are from pick to pick', () => {
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

    it('spreads evenly over equal candidates', () => {
      for (const count of tally(factory, [1, 1, 1, 1], 4_000)) expect(count).to.be.within(850, 1_150);
    });
  });
}

describe('picker: round robin', () => {
  const ids = (picker: ReturnType<PickerFactory>, names: readonly string[], picks: number): string =>
    Array.from(
      { length: picks },
      () => picker.pick(new Candidates(names.map((name) => endpoint(name)))).id,
    ).join('');

  it('takes one after the other, in the order of their ids', () => {
    expect(ids(roundRobinPicker(), ['c', 'a', 'b'], 7)).to.equal('abcabca');
  });

  it('goes on in order when candidates come and go', () => {
    const picker = roundRobinPicker();
    expect(ids(picker, ['a', 'b', 'c'], 2)).to.equal('ab');
    expect(ids(picker, ['a', 'c', 'd'], 2)).to.equal('cd');
    expect(ids(picker, ['b', 'c'], 2)).to.equal('bc');
  });
});

describe('picker: weighted', () => {
  it('picks in proportion to weight', () => {
    const [light, heavy] = tally(strategies.weighted!, [1, 3], 8_000);
    expect(light).to.be.within(1_800, 2_200);
    expect(heavy).to.be.within(5_800, 6_200);
  });
});

describe('picker: power of two choices', () => {
  const loaded = (inFlight: readonly number[], latency: readonly number[] = []): PickerFactory =>
    p2cPicker(
      { inFlight: (slot) => inFlight[slot]!, latency: (slot) => latency[slot] ?? 0, now: () => 0 },
      random,
    );

  it('never picks the more loaded of two', () => {
    expect(tally(loaded([5, 4]), [1, 1], 200)).to.deep.equal([0, 200]);
  });

  it('weighs load by weight', () => {
    expect(tally(loaded([5, 4]), [2, 1], 200)).to.deep.equal([200, 0]);
  });

  it('never picks the most loaded of many', () => {
    const counts = tally(loaded([1, 9, 2, 3]), [1, 1, 1, 1], 2_000);
    expect(counts[1]).to.equal(0);
    expect(counts[0]).to.be.greaterThan(counts[3]!);
  });

  it('breaks ties by latency, in proportion, so that the slower one is not starved', () => {
    // Kept half of the time when drawn first with twice the latency: a quarter of all picks.
    const [fast, slow] = tally(loaded([0, 0], [9_000, 19_000]), [1, 1], 8_000);
    expect(slow).to.be.within(1_800, 2_200);
    expect(fast! + slow!).to.equal(8_000);
    expect(tally(loaded([0, 0], [1_000, 100_000]), [1, 1], 8_000)[1]).to.be.within(40, 150);
  });

  it('takes small differences of latency for noise', () => {
    for (const count of tally(loaded([0, 0], [50, 150]), [1, 1], 8_000))
      expect(count).to.be.within(3_500, 4_500);
  });

  it('does not hold an unknown latency against anyone', () => {
    for (const count of tally(loaded([0, 0], [0, 5_000]), [1, 1], 400)) expect(count).to.be.within(140, 260);
  });

  it('spreads idle endpoints by weight', () => {
    const [light, heavy] = tally(strategies.p2c!, [1, 3], 8_000);
    expect(light).to.be.within(1_800, 2_200);
    expect(heavy).to.be.within(5_800, 6_200);
  });
});
