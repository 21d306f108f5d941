import { expect } from 'chai';
import { calmRounds, distance, spread } from '#bench/statistics.js';
import { noiseOf } from '#bench/summarize.js';
import { measured, ROLES, rows } from './kit.js';

describe('the statistics of the bench', () => {
  it('take the median of odd and even numbers of values', () => {
    expect(spread([3, 1, 2])).to.deep.equal({ median: 2, min: 1, max: 3 });
    expect(spread([4, 1, 3, 2])).to.deep.equal({ median: 2.5, min: 1, max: 4 });
    expect(() => spread([])).to.throw(RangeError);
  });

  it('measure the distance of a ratio from 1 alike in both directions', () => {
    expect(distance(2)).to.be.closeTo(distance(0.5), 1e-12);
    expect(distance(1)).to.equal(0);
  });

  it('choose the three calmest of five rounds by their A/A ratio, in order', () => {
    expect(calmRounds([1.3, 1.01, 0.99, 0.6, 1.02], 5)).to.deep.equal([1, 2, 4]);
  });

  it('keep at least one round, and all rounds without a double', () => {
    expect(calmRounds([1.5], 1)).to.deep.equal([0]);
    expect(calmRounds(undefined, 3)).to.deep.equal([0, 1, 2]);
  });
});

describe('a row of the bench', () => {
  it('has ratios within a round, so that a slow phase of the machine changes none', () => {
    const [, , b] = rows(
      measured('A', 10, 20, 10),
      measured('A again', 10, 20, 10),
      measured('B', 15, 30, 15),
    );
    expect(b?.ratio).to.deep.equal({ median: 1.5, min: 1.5, max: 1.5 });
  });

  it('leaves out rounds that disturbed A against A, for all servers alike', () => {
    const table = rows(
      measured('A', 10, 10, 10, 10, 10),
      measured('A again', 10, 10, 30, 10, 30),
      measured('B', 12, 12, 99, 12, 99),
    );
    expect(table.map(({ calmRounds: calm }) => calm)).to.deep.equal([
      [0, 1, 3],
      [0, 1, 3],
      [0, 1, 3],
    ]);
    expect(table[2]?.cpuUs.max).to.equal(12);
    expect(table[2]?.samples).to.have.length(5);
  });

  it('is in relation to the first server where the baseline was not measured', () => {
    const table = rows(measured('B', 10, 10), measured('C', 20, 20));
    expect(table.map(({ ratio }) => ratio.median)).to.deep.equal([1, 2]);
    expect(noiseOf(table, ROLES)).to.equal(undefined);
  });

  it('exists for no server when none was measured', () => {
    expect(rows()).to.deep.equal([]);
  });
});
