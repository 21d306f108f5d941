import { expect } from 'chai';
import { counted } from '#src/counted.js';

describe('a number with its noun', () => {
  it('has the singular for exactly one', () => {
    expect([0, 1, 2, 21].map((n) => counted(n, 'route'))).to.deep.equal([
      ...['0 routes', '1 route', '2 routes', '21 routes'],
    ]);
    expect([1, 2].map((n) => counted(n, 'retry was', 'retries were'))).to.deep.equal([
      ...['1 retry was', '2 retries were'],
    ]);
  });
});
