import { expect } from 'chai';
import { MUTATIONS } from './mutations.js';
import { type Planned, planned } from './plan.js';

const bytes = ({ packets }: Planned): string => Buffer.concat([...packets]).toString('latin1');

describe('the plan of a storm of broken requests', () => {
  it('is the same for the same seed and number, and different for others', () => {
    for (let n = 0; n < 200; n++) expect(planned(7, n)).to.deep.equal(planned(7, n));
    const seen = new Set(Array.from({ length: 1000 }, (_, n) => bytes(planned(7, n))));
    expect(seen.size).to.be.greaterThan(700);
    expect(Array.from({ length: 50 }, (_, n) => bytes(planned(8, n)))).to.not.deep.equal(
      Array.from({ length: 50 }, (_, n) => bytes(planned(7, n))),
    );
  });

  it('uses every mutation, and leaves some requests unchanged', () => {
    const used = new Set(Array.from({ length: 2000 }, (_, n) => planned(7, n).mutations).flat());
    expect([...used].sort()).to.deep.equal(Object.keys(MUTATIONS).sort());
    expect(planned(7, 0).packets.length).to.be.greaterThan(0);
    expect(Array.from({ length: 100 }, (_, n) => planned(7, n).mutations.length)).to.include(0);
  });
});
