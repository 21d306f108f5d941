import { expect } from 'chai';
import { Removals, rememberedSeconds } from '#src/registry/removals.js';

describe('the removals that a registry remembers', () => {
  it('are remembered for longer than a process can have an instance that is not renewed', () => {
    expect([1, 30, 120, 121, 300, 3600].map(rememberedSeconds)).to.deep.equal([
      180, 180, 180, 181, 360, 3660,
    ]);
    // A static instance never expires.
    expect(rememberedSeconds(0)).to.equal(24 * 3600);
  });

  it('are those of a registration under its name, for its time', () => {
    let now = 0;
    const removals = new Removals(() => now);
    removals.add('orders', 'x', 'r1', 300);
    removals.add('orders', 'x', null, 300);
    const known = (): boolean[] => [
      removals.has('orders', 'x', 'r1'),
      removals.has('orders', 'x', 'r2'),
      removals.has('orders', 'y', 'r1'),
      removals.has('orders', 'x', null),
    ];
    expect(known()).to.deep.equal([true, false, false, false]);
    now = 359_999;
    expect(known()[0]).to.equal(true);
    now = 360_000;
    expect(known()[0]).to.equal(false);
  });

  it('are 10,000 at most: the oldest are forgotten', () => {
    const removals = new Removals(() => 0);
    for (let n = 0; n <= 10_000; n += 1) removals.add('orders', `x${n}`, 'r', 30);
    const known = Array.from({ length: 10_001 }, (_, n) => removals.has('orders', `x${n}`, 'r'));
    expect(known.filter((is) => is)).to.have.length(10_000);
    expect(known[0]).to.equal(false);
  });
});
