// Prequal against the power of two choices in a model of several client processes, with virtual time: the
// same seed gives the same figures.
import { expect } from 'chai';
import { p2cPicker } from '#src/upstream/strategies/power-of-two-choices.js';
import { prequalPicker } from '#src/upstream/strategies/prequal.js';
import { quantile } from '#test/support/quantile.js';
import { type ModelCall, type ModelInstance, type ModelOptions, runModel } from './mesh-model.js';

const SLOW: ModelInstance = { slowness: () => 4 };
const USUAL: ModelInstance = {};
const SIX = { clients: 3, perSecond: 600, seconds: 20 } as const;

const p99 = (calls: readonly ModelCall[]): number =>
  quantile(
    calls.map(({ tookMs }) => tookMs),
    0.99,
  );
/** The share of the calls in a time that an instance got. */
function shareOf(instance: number, calls: readonly ModelCall[], fromMs: number, toMs: number): number {
  const during = calls.filter(({ begunMs }) => begunMs >= fromMs && begunMs < toMs);
  return during.filter((call) => call.instance === instance).length / during.length;
}
const byPrequal = (options: Omit<ModelOptions, 'picker'>) => runModel({ ...options, picker: prequalPicker });

describe('Prequal in a model of three clients and six instances', function () {
  this.timeout(60_000);

  it('halves the p99 of the power of two choices where two instances are four times as slow', () => {
    const instances = [SLOW, SLOW, USUAL, USUAL, USUAL, USUAL];
    for (const seed of [1, 2, 3]) {
      const prequal = p99(byPrequal({ ...SIX, instances, seed }));
      const p2c = p99(runModel({ ...SIX, instances, seed, picker: p2cPicker }));
      expect(prequal, `seed ${seed}, p99 of p2c ${p2c.toFixed(0)} ms`).to.be.at.most(0.5 * p2c);
    }
  });

  it('is no worse than the power of two choices where all instances are equal', () => {
    const instances = Array.from({ length: 6 }, () => USUAL);
    const options = { ...SIX, perSecond: 840, instances, seed: 4 };
    expect(p99(byPrequal(options))).to.be.at.most(1.1 * p99(runModel({ ...options, picker: p2cPicker })));
  });

  it('takes calls from an instance that reports no load while its calls fail', () => {
    const liar: ModelInstance = { failures: 0.5, claim: '0;us=0' };
    const calls = byPrequal({ ...SIX, instances: [liar, USUAL, USUAL, USUAL, USUAL, USUAL], seed: 5 });
    expect(shareOf(0, calls, 5_000, 20_000)).to.be.below(0.04);
  });

  it('gives an instance that reports no load, and is slow, no more than one that tells the truth', () => {
    const liar: ModelInstance = { ...SLOW, claim: '0;us=0' };
    const calls = byPrequal({ ...SIX, instances: [liar, SLOW, USUAL, USUAL, USUAL, USUAL], seed: 6 });
    expect(shareOf(0, calls, 2_000, 20_000)).to.be.below(0.04);
  });

  it('gives an instance its share again when it has recovered', () => {
    const recovering: ModelInstance = { slowness: (nowMs) => (nowMs < 10_000 ? 10 : 1) };
    const instances = [recovering, USUAL, USUAL, USUAL, USUAL, USUAL];
    const calls = byPrequal({ ...SIX, seconds: 60, instances, seed: 7 });
    expect(shareOf(0, calls, 5_000, 10_000)).to.be.below(0.04);
    expect(shareOf(0, calls, 40_000, 60_000)).to.be.above(0.1);
  });
});
