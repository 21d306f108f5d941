// The long form of grpc-python.test.ts, outside `npm test`: mocha build/test/system/grpc-python.long.js
import { expect } from 'chai';
import { needsPython, rollUnderPython } from './grpc-python.js';

const ROLLS = 20;

describe('a gRPC client in Python', () => {
  before(function () {
    needsPython(this);
  });

  for (const workers of [1, 3]) {
    it(`loses no call in ${ROLLS} rolling replacements of ${workers} gRPC worker(s)`, async function () {
      this.timeout(1_800_000);
      const account = await rollUnderPython(workers, ROLLS);
      console.log(workers, JSON.stringify(account));
      expect(account.failures).to.deep.equal([]);
    });
  }
});
