import { expect } from 'chai';
import type { Measured } from '#bench/measure.js';
import type { Result } from '#bench/summarize.js';
import { type Comparison, judgeFiles, judgeRun, judgeSeries, withVerdicts } from '#bench/verdict.js';
import { measured, ROLES, rows, sample } from './kit.js';

const CALM = [measured('A', 10, 10, 10), measured('A again', 10.2, 10, 10.1)];
const run = (...servers: readonly Measured[]): Comparison => judgeRun(rows(...servers), ROLES, 'B');
const verdictsOf = ({ verdicts }: Comparison): readonly string[] => verdicts.map(({ verdict }) => verdict);

describe('the comparison of two checkouts', () => {
  it('finds B worse when it needs more CPU time than the noise explains', () => {
    const comparison = run(...CALM, measured('B', 11, 11, 11));
    expect(verdictsOf(comparison)).to.deep.equal(['worse']);
    expect(comparison.isWorse).to.equal(true);
    expect(comparison.verdicts[0]?.ratio).to.be.closeTo(1.1, 1e-9);
  });

  it('finds B better when it needs less', () => {
    const comparison = run(...CALM, measured('B', 9, 9, 9));
    expect(verdictsOf(comparison)).to.deep.equal(['better']);
    expect(comparison.isWorse).to.equal(false);
  });

  it('finds no difference that is not larger than that of A against A', () => {
    const noisy = [measured('A', 10, 10, 10), measured('A again', 11.2, 11.5, 11.1)];
    expect(verdictsOf(run(...noisy, measured('B', 11, 11, 11)))).to.deep.equal(['same']);
  });

  it('finds no difference of less than one per cent on the calmest machine', () => {
    const still = [measured('A', 10, 10, 10), measured('A again', 10, 10, 10)];
    expect(verdictsOf(run(...still, measured('B', 10.05, 10.05, 10.05)))).to.deep.equal(['same']);
    expect(verdictsOf(run(...still, measured('B', 10.3, 10.3, 10.3)))).to.deep.equal(['worse']);
  });

  it('finds B worse when requests fail in B only, however fast it is', () => {
    const failing: Measured = { server: 'B', samples: [sample(5), sample(5, 3), sample(5)] };
    const comparison = run(...CALM, failing);
    expect(comparison.verdicts[0]).to.include({ verdict: 'worse', hasNewFailures: true });
  });

  it('finds B worse when it could not be measured in a shape of A', () => {
    const comparison = run(...CALM);
    expect(comparison).to.deep.include({ verdicts: [], missing: ['json (bare)'], isWorse: true });
  });

  it('is refused when nothing shows the noise', () => {
    expect(() => run(measured('A', 10), measured('B', 10))).to.throw('the noise is unknown');
  });
});

describe('the comparison of two result files', () => {
  const file = (ratio: number, ...double: readonly number[]) => {
    const results: Result[] = rows(
      measured('A', ...double.map(() => 10)),
      measured('A again', ...double.map((one) => 10 * one)),
      measured('ours', ...double.map(() => 10 * ratio)),
    );
    return { results, roles: ROLES };
  };

  it('compares the ratios to the baselines of both runs', () => {
    const comparison = judgeFiles(file(1.4, 1, 1.01), file(1.6, 1.01, 1), 'ours');
    expect(comparison.verdicts[0]).to.include({ verdict: 'worse' });
    expect(comparison.verdicts[0]?.ratio).to.be.closeTo(1.6 / 1.4, 1e-9);
  });

  it('adds the noise of both runs', () => {
    expect(judgeFiles(file(1, 1.05), file(1.08, 1.05), 'ours').verdicts[0]?.verdict).to.equal('same');
    expect(judgeFiles(file(1, 1.05), file(1.08, 1), 'ours').verdicts[0]?.verdict).to.equal('worse');
  });

  it('has no verdicts for a server that is in neither', () => {
    expect(judgeFiles(file(1, 1), file(1, 1), 'nobody').verdicts).to.deep.equal([]);
  });
});

describe('the comparison of starts and memory', () => {
  const series = (b: readonly number[]) =>
    judgeSeries({ what: 'start', a: [100, 100, 100], double: [101, 95, 100], b });

  it('takes the largest distance of A against A in any round as the noise', () => {
    expect(series([105, 104, 150])).to.include({ verdict: 'same', ratio: 1.05 });
    expect(series([106, 107, 90])).to.include({ verdict: 'worse', ratio: 1.06 });
    expect(series([90, 91, 150])).to.include({ verdict: 'better', ratio: 0.91 });
  });

  it('makes B worse although its CPU time is not', () => {
    const calm = run(...CALM, measured('B', 10, 10, 10));
    expect(withVerdicts(calm, [series([100, 100, 100])]).isWorse).to.equal(false);
    expect(withVerdicts(calm, [series([200, 200, 200])]).isWorse).to.equal(true);
    expect(withVerdicts(calm, [series([200, 200, 200])]).verdicts).to.have.length(2);
  });
});
