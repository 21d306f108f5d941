import { expect } from 'chai';
import { hedgeMsOf, retriesOf, timeoutMsOf } from '#src/upstream/call-options.js';

describe('the numbers among the options of a call', () => {
  it('must be numbers, and not below 0', () => {
    for (const bad of [-1, Number.NaN, '5', null, {}, 1n]) {
      const value = bad as number;
      expect(() => timeoutMsOf({ timeoutMs: value }), typeof bad).to.throw(TypeError, 'timeoutMs');
      expect(() => hedgeMsOf({ hedgeMs: value }), typeof bad).to.throw(TypeError, 'hedgeMs');
      if (value !== null)
        expect(() => retriesOf({ retries: value }), typeof bad).to.throw(TypeError, 'retries');
    }
  });

  it('may be as large as they like, or missing', () => {
    for (const timeoutMs of [0, 0.5, 1e12, Number.POSITIVE_INFINITY]) {
      expect(timeoutMsOf({ timeoutMs })).to.equal(timeoutMs);
    }
    expect(hedgeMsOf({ hedgeMs: 2 ** 40 })).to.equal(2 ** 40);
    expect([timeoutMsOf({}), hedgeMsOf({}), retriesOf({})]).to.deep.equal([undefined, undefined, 2]);
  });
});
