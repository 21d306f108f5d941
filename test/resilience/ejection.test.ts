import { expect } from 'chai';
import fc from 'fast-check';
import { ejectionRule, mayEject, slowStart } from '#src/resilience/ejection.js';

describe('the ejection rule', () => {
  const rule = ejectionRule(30_000);

  it('ejects for thirty seconds, then sixty, and so on, five minutes at most', () => {
    expect([1, 2, 3, 10, 11, 200].map((times) => rule.ejectedMs(times))).to.deep.equal([
      30_000, 60_000, 90_000, 300_000, 300_000, 300_000,
    ]);
  });

  it('forgets one earlier ejection for every five minutes without one', () => {
    expect(rule.remembered(3, 299_999)).to.equal(3);
    expect(rule.remembered(3, 300_000)).to.equal(2);
    expect(rule.remembered(3, 86_400_000)).to.equal(0);
  });

  const cases: readonly [instances: number, ejected: number, others: number, may: boolean][] = [
    [1, 0, 0, false],
    [2, 0, 1, true],
    [2, 0, 0, false],
    [2, 1, 0, false],
    [3, 0, 2, true],
    [3, 1, 1, false],
    [4, 1, 2, true],
    [4, 2, 1, false],
    [5, 1, 1, true],
    [5, 2, 2, false],
  ];
  for (const [instances, ejected, others, may] of cases) {
    it(`${may ? 'allows' : 'does not allow'} another ejection with ${ejected} of ${instances} ejected and ${others} others healthy`, () => {
      expect(mayEject(instances, ejected, others)).to.equal(may);
    });
  }

  it('always leaves at least half of the instances, and at least one, however often it is applied', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1024 }), (instances) => {
        let ejected = 0;
        while (mayEject(instances, ejected, instances - ejected - 1)) ejected++;
        expect(ejected).to.equal(Math.floor(instances / 2));
        if (instances > 0) expect(instances - ejected).to.be.at.least(1);
      }),
    );
  });
});

describe('slow start', () => {
  it('gives a tenth of the share at first, and a tenth more every second, until it is whole', () => {
    const shares = [0, 999, 1_000, 2_000, 5_500, 9_999, 10_000, 60_000].map(
      (ageMs) => slowStart(ageMs, 10_000).share,
    );
    expect(shares).to.deep.equal([0.1, 0.1, 0.1, 0.2, 0.5, 0.9, 1, 1]);
  });

  it('returns the exact time until the share changes', () => {
    const ages = fc.double({ min: 0, max: 9_999, noNaN: true });
    fc.assert(
      fc.property(ages, (ageMs) => {
        const { share, nextMs } = slowStart(ageMs, 10_000);
        expect(nextMs).to.be.within(Number.MIN_VALUE, 1_000);
        const [before, after] = [ageMs + nextMs * 0.999, ageMs + nextMs * 1.001 + 0.001];
        expect(slowStart(before, 10_000).share).to.equal(share);
        if (ageMs >= 1_000) expect(slowStart(after, 10_000).share).to.be.greaterThan(share);
      }),
    );
    expect(slowStart(10_000, 10_000).nextMs).to.equal(Number.POSITIVE_INFINITY);
  });
});
