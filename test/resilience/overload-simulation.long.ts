// All runs of `npm run bench:overload` with many seeds; not part of `npm test`.
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { boundsOf, leastGoodput } from '#bench/overload/bounds.js';
import { calmRuns, overloadRuns, type Run, type RunResult, runOne } from '#bench/overload/runs.js';

const seeds = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index + 1);
/** Runs of each shape of load at its highest load; docs/overload.md gives their number. */
const HARDEST = seeds(20);
const FEW = seeds(3);
const OVERLOADED = seeds(3);

const label = ({ title, load, workers }: RunResult, seed: number): string =>
  `${title}, ${load}, ${workers} workers, seed ${seed}`;
const loadOf = ({ phases, judged }: Run): number => Math.max(...judged.map((index) => phases[index]!.load));

describe('the overload rule in simulated time, at length', () => {
  it('rejects no request in any shape of load that the threads can serve', () => {
    expect(readFileSync('docs/overload.md', 'utf8')).to.include(`under any of ${HARDEST.length} seeds`);
    const runs = calmRuns();
    for (const run of runs) {
      const most = Math.max(...runs.filter(({ shape }) => shape === run.shape).map(loadOf));
      for (const seed of loadOf(run) === most ? HARDEST : FEW) {
        for (const one of runOne(run, undefined, seed)) {
          expect(one.result.refusals, label(one, seed)).to.equal(0);
        }
      }
    }
  }).timeout(7_200_000);

  it('keeps goodput and latency beyond the capacity, and admits everybody soon after it', () => {
    for (const run of overloadRuns()) {
      for (const seed of OVERLOADED) {
        for (const one of runOne(run, undefined, seed)) {
          const name = label(one, seed);
          const { settledRatio, refusedAfterMs } = boundsOf(one.shape);
          expect(one.result.goodput, name).to.be.above(leastGoodput(one));
          expect(one.settledRatio, name).to.be.below(settledRatio);
          expect(one.refusedAfterMs, name).to.be.below(refusedAfterMs);
        }
      }
    }
  }).timeout(7_200_000);
});
