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

describe('the holds of a scope', () => {
  it('are released once when the work is interrupted, the newest first', () => {
    const { given, holds } = setUp('a', 'b', 'c');
    holds.release();
    holds.release();
    expect(given).to.deep.equal(['c', 'b', 'a']);
  });

  it('are not released again after the work has released them, in any order', () => {
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

  it('report to work that continues after an interruption that they are released already', () => {
    const { given, holds, all } = setUp('a');
    holds.release();
    expect(all[0]!.end()).to.equal(false);
    all[0]!.release();
    expect(given).to.deep.equal(['a']);
  });

  it('are released by the work itself when there is no scope', () => {
    const given: string[] = [];
    const one = new Named('a', given);
    one.release();
    expect(given, 'it has not been taken').to.deep.equal([]);
    one.take(undefined);
    one.release();
    one.release();
    expect(given).to.deep.equal(['a']);
  });

  it('may be taken again while they are released', () => {
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
