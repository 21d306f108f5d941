import { expect } from 'chai';
import { parseRate, rateText } from '#src/rate.js';

describe('a rate', () => {
  it('is a count per second or minute, with an optional burst that defaults to the count', () => {
    expect(parseRate('100/second')).to.deep.equal({ count: 100, periodMs: 1_000, burst: 100 });
    expect(parseRate('10/minute')).to.deep.equal({ count: 10, periodMs: 60_000, burst: 10 });
    expect(parseRate('100/second;burst=1')).to.deep.equal({ count: 100, periodMs: 1_000, burst: 1 });
    expect(parseRate(' 5 / Minute ; burst = 20 ')).to.deep.equal({ count: 5, periodMs: 60_000, burst: 20 });
  });

  it('has no other form', () => {
    const bad = [
      '',
      '100',
      '100/hour',
      '0/second',
      '1/second;burst=0',
      '-1/second',
      '1.5/second',
      '1/second;',
      'x',
    ];
    for (const text of [...bad, '1/second;burst=', '1000001/second', '1/second 2/minute', '1/seconds']) {
      expect(parseRate(text), text).to.equal(undefined);
    }
  });

  it('has a burst that refills within a day', () => {
    expect(parseRate('1/minute;burst=1440')).to.not.equal(undefined);
    expect(parseRate('1/minute;burst=1441')).to.equal(undefined);
  });

  it('is shown as it is written', () => {
    for (const text of ['100/second', '10/minute', '100/second;burst=1']) {
      expect(rateText(parseRate(text)!)).to.equal(text);
    }
    expect(rateText(parseRate('7/minute;burst=7')!)).to.equal('7/minute');
  });
});
