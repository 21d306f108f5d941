import { expect } from 'chai';
import { DistinctTexts } from '#src/memory/metrics/distinct-texts.js';

describe('distinct texts', () => {
  it('are told apart, however many there are', () => {
    const texts = new DistinctTexts();
    const all = Array.from({ length: 30_000 }, (_, n) => `text ${n % 3} ${n}`);
    expect(all.filter((text) => texts.add(text))).to.have.length(all.length);
    expect(all.filter((text) => texts.add(text))).to.deep.equal([]);
    expect([texts.add(''), texts.add('')]).to.deep.equal([true, false]);
  });
});
