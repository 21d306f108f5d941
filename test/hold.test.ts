import { expect } from 'chai';
import { Hold, Holds } from '#src/hold.js';

class Named extends Hold {
  constructor(
    readonly name: string,
    readonly given: string[],
  ) {
    super();
  }

  protected override onRelease(): void {
    this.given.push(this.name);
  }
}

function setUp(...names: string[]) {
  const [given, holds]: [string[], Holds] = [[], new Holds()];
  const all = names.map((name) => new Named(name, given));
  for (const one of all) one.take(holds);
  return { given, holds, all };
}

describe('what a scope holds', () => {
  it('is given back once when its work is broken off, the newest first', () => {
    const { given, holds } = setUp('a', 'b', 'c');
    holds.release();
    holds.release();
    expect(given).to.deep.equal(['c', 'b', 'a']);
  });

  it('is not given back for work that has done it, in whatever order', () => {
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 0, 2],
      [1, 2, 0],
    ]) {
      const { given, holds, all } = setUp('a', 'b', 'c');
      for (const [at, index] of order.entries()) {
        if (at === 2) holds.release();
        expect(all[index]!.end()).to.equal(at < 2);
      }
      expect(given).to.deep.equal(['abc'[order[2]!]]);
    }
  });

  it('tells work that goes on after all that nothing is left to give back', () => {
    const { given, holds, all } = setUp('a');
    holds.release();
    expect(all[0]!.end()).to.equal(false);
    all[0]!.release();
    expect(given).to.deep.equal(['a']);
  });

  it('is given back by its work alone when there is no scope', () => {
    const given: string[] = [];
    const one = new Named('a', given);
    one.release();
    expect(given, 'it has not been taken').to.deep.equal([]);
    one.take(undefined);
    one.release();
    one.release();
    expect(given).to.deep.equal(['a']);
  });

  it('may be taken anew while it is given back', () => {
    const holds = new Holds();
    const given: string[] = [];
    const next = new Named('next', given);
    class Chained extends Named {
      protected override onRelease(): void {
        next.take(holds);
      }
    }
    new Chained('first', given).take(holds);
    holds.release();
    expect(given).to.deep.equal(['next']);
  });
});
