import { expect } from 'chai';
import { BODILESS_FREE, BODILESS_SAMPLE, BodilessWatch } from '#src/server/uws/bodiless-watch.js';

describe('a watch on responses without a body', () => {
  it('tests no client until there are many of them in a second, and then every n-th', () => {
    let now = 5;
    const watch = new BodilessWatch(() => now);
    const tests = (responses: number, eachMs: number): number => {
      let found = 0;
      for (let one = 0; one < responses; one++) {
        now += eachMs;
        if (watch.isTest()) found++;
      }
      return found;
    };
    expect(tests(BODILESS_FREE, 0), 'at once').to.equal(0);
    expect(tests(BODILESS_SAMPLE * 10, 0), 'beyond').to.equal(10);
    now += 1001;
    expect(tests(BODILESS_FREE, 0), 'a second later').to.equal(0);
    now += 1001;
    expect(tests(100_000, 1), 'for long, but slowly').to.equal(0);
  });
});
