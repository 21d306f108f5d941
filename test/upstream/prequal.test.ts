import { expect } from 'chai';
import { Candidates } from '#src/upstream/candidates.js';
import { prequalPicker } from '#src/upstream/strategies/prequal.js';
import { seeded } from '#test/support/random.js';
import { endpoint } from './endpoints.js';
import { type FakeLoadOptions, fakeLoad } from './fake-load.js';
import { tally } from './tally.js';

const PICKS = 5_000;
/** The picks that are made without comparing, with twice their standard deviation. */
const UNCOMPARED = PICKS / 256 + 2 * Math.sqrt(PICKS / 256);

/** @returns how often each of the endpoints was picked of `PICKS` times */
const picksOf = (load: FakeLoadOptions, count: number, seed = 42): readonly number[] =>
  tally(
    prequalPicker(fakeLoad(load), seeded(seed)),
    Array.from({ length: count }, () => 1),
    PICKS,
  );
const all = (count: number, value: number): number[] => Array.from({ length: count }, () => value);

describe('Prequal', () => {
  it('picks the endpoint of least latency among those that are not hot', () => {
    const counts = picksOf({ others: [3, 3, 3, 3], latency: [40_000, 10_000, 40_000, 40_000] }, 4);
    expect(PICKS - counts[1]!).to.be.at.most(UNCOMPARED);
  });

  it('picks no endpoint that has more requests in flight than most, however fast it is', () => {
    const others = [...all(7, 4), 90];
    const counts = picksOf({ others, latency: [...all(7, 20_000), 1_000] }, 8);
    expect(counts[7]).to.be.at.most(UNCOMPARED);
  });

  it('picks the one with the fewest requests when all are hot, however slow it is', () => {
    const others = all(4, 1);
    const picker = prequalPicker(fakeLoad({ others, latency: [1_000, 90_000, 1_000, 1_000] }), seeded(1))();
    const candidates = new Candidates(all(4, 1).map((_, slot) => endpoint(`i${slot}`, { slot })));
    const picks = (count: number) => Array.from({ length: count }, () => picker.pick(candidates).slot);
    expect(picks(500).filter((slot) => slot === 1).length).to.be.at.most(UNCOMPARED);
    others.splice(0, 4, 90, 50, 90, 90);
    expect(picks(5)).to.deep.equal([1, 1, 1, 1, 1]);
  });

  it('does not send everything to the few that do not fail, when most do', () => {
    const counts = picksOf({ others: all(6, 1), failing: [0, 1, 2, 3, 4] }, 6);
    expect(Math.max(...counts)).to.be.below((2 * PICKS) / 6);
  });

  it('counts the calls of this process beside those that are reported', () => {
    const counts = picksOf({ inFlight: [50, 0, 0], others: [0, 10, 10] }, 3);
    expect(counts[0]).to.be.at.most(UNCOMPARED);
  });

  it('compares requests in flight in proportion to weight', () => {
    const load = fakeLoad({ others: [12, 6, 6, 6] });
    const counts = tally(prequalPicker(load, seeded(1)), [4, 1, 1, 1], PICKS);
    expect(counts[0]).to.be.greaterThan(0.9 * PICKS);
  });

  it('believes an endpoint no latency below the one that was measured', () => {
    const reportedLatency = [1, 10_000, 10_000];
    const counts = picksOf({ others: all(3, 1), latency: [50_000, 10_000, 10_000], reportedLatency }, 3);
    expect(counts[0]).to.be.at.most(UNCOMPARED);
  });

  it('picks one that has got slow since it was measured last by what it reports', () => {
    const counts = picksOf(
      { others: all(3, 1), latency: all(3, 10_000), reportedLatency: [80_000, 10_000, 10_000] },
      3,
    );
    expect(counts[0]).to.be.at.most(UNCOMPARED);
  });

  it('picks an endpoint whose calls fail after all others, although it reports no load', () => {
    const load = { failing: [0], inFlight: [0, 8, 9], others: [0, 40, 50], latency: [100, 9_000, 9_000] };
    expect(picksOf(load, 3)[0]).to.be.at.most(UNCOMPARED);
  });

  it('takes an endpoint without a recent report for one of the mean', () => {
    const counts = picksOf({ others: [undefined, 4, 40, 40] }, 4);
    expect(counts[1]).to.be.greaterThan(0.9 * PICKS);
  });

  it('goes on picking the slowest one now and then, so that its recovery is noticed', () => {
    for (const count of [6, 100]) {
      const latency = [1_000_000, ...all(count - 1, 1_000)];
      const picker = prequalPicker(fakeLoad({ others: all(count, 1), latency }), seeded(9));
      expect(tally(picker, all(count, 1), 2_000 * count)[0]).to.be.greaterThan(0);
    }
  });

  it('spreads picks over many equal endpoints, of which it compares a few', () => {
    for (const count of picksOf({ others: all(50, 2), latency: all(50, 5_000) }, 50))
      expect(count).to.be.within(50, 160);
  });
});
