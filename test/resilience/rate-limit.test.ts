import { expect } from 'chai';
import { parseRate } from '#src/rate.js';
import { isAdmitted, RateLimit, secondsOf } from '#src/resilience/rate-limit.js';

/** Cells with a fixed result. */
const cellsThatReturn = (verdict: number) => ({ take: () => verdict, peek: () => verdict });

describe('a rate limit', () => {
  it('reports the rest of the burst, and the seconds until the burst is whole again', () => {
    const limit = new RateLimit('default', parseRate('100/second')!, cellsThatReturn(10));
    expect(limit.item(10)).to.equal('"default";r=99;t=1');
    expect(limit.item(999.5)).to.equal('"default";r=0;t=1');
    expect(limit.item(1000)).to.equal('"default";r=0;t=1');
    const slow = new RateLimit('route', parseRate('6/minute;burst=10')!, cellsThatReturn(1));
    expect(slow.item(10_000)).to.equal('"route";r=9;t=10');
    expect(slow.item(10_000.000_06)).to.equal('"route";r=9;t=10');
    expect(slow.item(100_000)).to.equal('"route";r=0;t=100');
  });

  it('reports no rest to a rejected client, and the time to retry', () => {
    const limit = new RateLimit('default', parseRate('6/minute')!, cellsThatReturn(-1));
    expect(isAdmitted(limit.take('a'))).to.equal(false);
    expect(limit.item(-1)).to.equal('"default";r=0;t=1');
    expect(limit.item(-9_001)).to.equal('"default";r=0;t=10');
    expect([secondsOf(-1), secondsOf(-1_000), secondsOf(-1_001)]).to.deep.equal([1, 1, 2]);
  });

  it('describes its policy, with the burst only if that differs', () => {
    const policyOf = (text: string): string =>
      new RateLimit('p', parseRate(text)!, cellsThatReturn(1)).policyItem;
    expect(policyOf('100/second')).to.equal('"p";q=100;w=1');
    expect(policyOf('10/minute;burst=3')).to.equal('"p";q=10;w=60;multilane-burst=3');
  });

  it('rejects a name that would break a header field', () => {
    expect(() => new RateLimit('a"b', parseRate('1/second')!, cellsThatReturn(1))).to.throw(TypeError, 'a"b');
  });
});
