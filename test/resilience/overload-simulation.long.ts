// Outside `npm test`: every run of `npm run bench:overload`, under several seeds.
import { expect } from 'chai';
import { calmRuns, overloadRuns, type RunResult, runOne } from '#bench/overload/runs.js';
import { byDatabase, cpuLate } from '#bench/overload/shapes.js';

const SEEDS = [1, 2, 3];

const label = ({ title, load, workers }: RunResult): string => `${title}, ${load}, ${workers} workers`;
const mean = (results: readonly RunResult[], of: (result: RunResult) => number): number =>
  results.reduce((sum, one) => sum + of(one), 0) / results.length;

/**
 * CPU that comes 300 ms after admission makes the thread idle and late by turns where thousands of connections repeat
 * what is refused at once: docs/overload.md names these.
 */
const leastGoodput = ({ shape, load }: RunResult): number =>
  load.endsWith('connections') && (shape === cpuLate || shape === byDatabase) ? 0.7 : 0.88;

describe('the overload rule in simulated time, at length', () => {
  it('refuses nobody in any shape of load that the threads can serve', () => {
    for (const run of calmRuns()) {
      for (const seed of SEEDS) {
        for (const one of runOne(run, undefined, seed)) {
          expect(one.result.refusals, `${label(one)}, seed ${seed}`).to.equal(0);
        }
      }
    }
  }).timeout(3_600_000);

  it('keeps goodput and latency beyond the capacity, and admits everybody soon after it', () => {
    for (const run of overloadRuns()) {
      const results = SEEDS.flatMap((seed) => runOne(run, undefined, seed));
      const [first] = results;
      const name = label(first!);
      expect(
        mean(results, ({ result }) => result.goodput),
        name,
      ).to.be.above(leastGoodput(first!));
      expect(
        mean(results, ({ settledRatio }) => settledRatio),
        name,
      ).to.be.below(6);
      for (const { refusedAfterMs } of results) expect(refusedAfterMs, name).to.be.below(2_000);
    }
  }).timeout(3_600_000);
});
