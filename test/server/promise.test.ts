import { expect } from 'chai';
import { adopted } from '#src/server/promise.js';

describe('a promise of a handler', () => {
  it('is taken as it is when it is one of Node.js', async () => {
    const given = Promise.resolve(1);
    expect(adopted(given)).to.equal(given);
    expect(await adopted(given)).to.equal(1);
  });

  class Own<T> extends Promise<T> {}
  const THEN = 'then';
  const twice = (take: (n: number) => void): void => {
    take(2);
    take(3);
  };
  const changed = (members: object): Promise<number> => Object.assign(Promise.resolve(1), members);
  const loud = (): never => {
    throw new Error('thrown by a member');
  };
  for (const [what, given, result] of [
    ['is of another class', () => Own.resolve(1), 1],
    ['has a `then` that throws', () => changed({ [THEN]: loud }), 1],
    ['has a `then` that calls back twice', () => changed({ [THEN]: twice }), 1],
    ['has a `constructor` of its own', () => changed({ constructor: Own }), 1],
    ['is a proxy', () => new Proxy(Promise.resolve(1), {}), undefined],
    ['is no promise but has a `then`', () => ({ [THEN]: twice }), 2],
  ] as const) {
    it(`calls back once, and its \`then\` does not throw, when it ${what}`, async () => {
      const value = given() as PromiseLike<number>;
      const late = adopted(value);
      expect(late).to.not.equal(value);
      let calls = 0;
      await late.then(
        (got) => {
          calls++;
          expect(got).to.equal(result);
        },
        (error: unknown) => {
          calls++;
          expect(result, String(error)).to.equal(undefined);
        },
      );
      expect(calls).to.equal(1);
    });
  }
});
