import { expect } from 'chai';
import fc from 'fast-check';
import { Quota, type Shares, type Units } from '#src/resilience/quota.js';

function counting(): Units {
  let held = 0;
  return {
    get held() {
      return held;
    },
    take(amount, most) {
      if (held + amount > most) return false;
      held += amount;
      return true;
    },
    give(amount) {
      held -= amount;
    },
  };
}

function byAddress(): Shares<string> & { of(key: string): number } {
  const held = new Map<string, number>();
  const of = (key: string): number => held.get(key) ?? 0;
  return {
    of,
    take(key, amount, most) {
      if (of(key) + amount > most) return false;
      held.set(key, of(key) + amount);
      return true;
    },
    give: (key, amount) => void held.set(key, of(key) - amount),
  };
}

describe('a quota', () => {
  it('can be held by one address up to its share, and by all together up to the total', () => {
    let refused = 0;
    const [units, shares] = [counting(), byAddress()];
    const quota = new Quota({ units, shares, most: 10, mostEach: 5, onRefused: () => refused++ });
    expect([quota.take(5, 'a'), quota.take(1, 'a')]).to.deep.equal([true, false]);
    expect([quota.take(4, 'b'), quota.take(2, 'c'), quota.take(1, 'c')]).to.deep.equal([true, false, true]);
    expect([quota.held, refused, shares.of('c')]).to.deep.equal([10, 2, 1]);
    quota.give(5, 'a');
    expect(quota.take(5, 'a')).to.equal(true);
  });

  it('rejects an amount above the share without trying to take it', () => {
    const quota = new Quota({
      units: counting(),
      shares: byAddress(),
      most: 10,
      mostEach: 5,
      onRefused: () => {},
    });
    expect(quota.take(2 ** 40, 'a')).to.equal(false);
  });

  it('has no loose units without cells for them', () => {
    const quota = new Quota({
      units: counting(),
      shares: byAddress(),
      most: 100,
      mostEach: 50,
      onRefused: () => {},
    });
    expect(quota.takeLoose(1)).to.equal(false);
    expect(quota.take(50, 'a')).to.equal(true);
  });

  it('is never held by one address beyond its share, even if it holds all loose units', () => {
    const step = fc.oneof(
      fc.record({ loose: fc.constant(true), amount: fc.integer({ min: 1, max: 30 }), key: fc.constant('') }),
      fc.record({
        loose: fc.constant(false),
        amount: fc.integer({ min: 1, max: 200 }),
        key: fc.constantFrom('a', 'b', 'c'),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const [units, shares, loose] = [counting(), byAddress(), counting()];
        const quota = new Quota({ units, shares, loose, most: 1000, mostEach: 500, onRefused: () => {} });
        const taken: (() => void)[] = [];
        for (const { loose: isLoose, amount, key } of steps) {
          if (isLoose ? quota.takeLoose(amount) : quota.take(amount, key)) {
            taken.push(isLoose ? () => quota.giveLoose(amount) : () => quota.give(amount, key));
          }
          for (const one of ['a', 'b', 'c']) expect(shares.of(one) + loose.held).to.be.at.most(500);
          expect(quota.held).to.be.at.most(1000);
        }
        for (const give of taken) give();
        expect([quota.held, loose.held, shares.of('a')]).to.deep.equal([0, 0, 0]);
      }),
      { numRuns: 100 },
    );
  });

  it('allows loose units up to an eighth of the share of an address, and reduces every share by that', () => {
    const [units, loose, shares] = [counting(), counting(), byAddress()];
    const quota = new Quota({ units, loose, shares, most: 1_000, mostEach: 80, onRefused: () => {} });
    expect([quota.takeLoose(10), quota.takeLoose(1)]).to.deep.equal([true, false]);
    expect([quota.take(71, 'a'), quota.take(70, 'a'), quota.take(1, 'a')]).to.deep.equal([
      false,
      true,
      false,
    ]);
  });
});
