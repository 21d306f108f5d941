import { expect } from 'chai';
import { Removals } from '#src/registry/removals.js';

describe('the removals that a registry remembers', () => {
  it('are those of a registration under its name, for a minute', () => {
    let now = 0;
    const removals = new Removals(() => now);
    removals.add('orders', 'x', 'r1');
    removals.add('orders', 'x', null);
    const known = (): boolean[] => [
      removals.has('orders', 'x', 'r1'),
      removals.has('orders', 'x', 'r2'),
      removals.has('orders', 'y', 'r1'),
      removals.has('orders', 'x', null),
    ];
    expect(known()).to.deep.equal([true, false, false, false]);
    now = 59_999;
    expect(known()[0]).to.equal(true);
    now = 60_000;
    expect(known()[0]).to.equal(false);
  });

  it('are 10,000 at most: the oldest are forgotten', () => {
    const removals = new Removals(() => 0);
    for (let n = 0; n <= 10_000; n += 1) removals.add('orders', `x${n}`, 'r');
    const known = Array.from({ length: 10_001 }, (_, n) => removals.has('orders', `x${n}`, 'r'));
    expect(known.filter((is) => is)).to.have.length(10_000);
    expect(known[0]).to.equal(false);
  });
});
