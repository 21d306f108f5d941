import { expect } from 'chai';
import type { PickerFactory } from '#src/upstream/picker.js';
import { p2cPicker } from '#src/upstream/strategies/power-of-two-choices.js';
import { seeded } from '#test/support/random.js';
import { tally } from './tally.js';

const random = seeded(42);

describe('the power of two choices', () => {
  const loaded = (inFlight: readonly number[], latency: readonly number[] = []): PickerFactory =>
    p2cPicker(
      { inFlight: (slot) => inFlight[slot]!, latency: (slot) => latency[slot] ?? 0, now: () => 0 },
      random,
    );

  it('never picks the endpoint of two that has more calls in flight', () => {
    expect(tally(loaded([5, 4]), [1, 1], 200)).to.deep.equal([0, 200]);
  });

  it('compares calls in flight in proportion to weight', () => {
    expect(tally(loaded([5, 4]), [2, 1], 200)).to.deep.equal([200, 0]);
  });

  it('never picks the endpoint of many that has the most calls in flight', () => {
    const counts = tally(loaded([1, 9, 2, 3]), [1, 1, 1, 1], 2_000);
    expect(counts[1]).to.equal(0);
    expect(counts[0]).to.be.greaterThan(counts[3]!);
  });

  it('prefers the faster of two with equal load in proportion, so that the slower one still gets calls', () => {
    // With twice the latency it keeps half of the picks in which it is drawn first: a quarter of all picks.
    const [fast, slow] = tally(loaded([0, 0], [9_000, 19_000]), [1, 1], 8_000);
    expect(slow).to.be.within(1_800, 2_200);
    expect(fast! + slow!).to.equal(8_000);
    expect(tally(loaded([0, 0], [1_000, 100_000]), [1, 1], 8_000)[1]).to.be.within(40, 150);
  });

  it('ignores small differences of latency', () => {
    for (const count of tally(loaded([0, 0], [50, 150]), [1, 1], 8_000))
      expect(count).to.be.within(3_500, 4_500);
  });

  it('treats an endpoint of unknown latency as its equal', () => {
    for (const count of tally(loaded([0, 0], [0, 5_000]), [1, 1], 400)) expect(count).to.be.within(140, 260);
  });

  it('spreads picks in proportion to weight over endpoints without load', () => {
    const [light, heavy] = tally(loaded([0, 0]), [1, 3], 8_000);
    expect(light).to.be.within(1_800, 2_200);
    expect(heavy).to.be.within(5_800, 6_200);
  });
});
