// The long form of grpc-python.test.ts, outside `npm test`: mocha build/test/system/grpc-python.long.js
import { expect } from 'chai';
import { needsPython, rollUnderPython } from './grpc-python.js';

const ROLLS = 20;

describe('a gRPC client in Python', () => {
  before(function () {
    needsPython(this);
  });

  for (const [workers, lanes] of [
    [1, 1],
    [3, 1],
    [1, 160],
    [3, 40],
  ] as const) {
    const title = `${ROLLS} rolling replacements of ${workers} gRPC worker(s), with ${lanes} thread(s) for each`;
    it(`loses no call in ${title}`, async function () {
      this.timeout(1_800_000);
      const account = await rollUnderPython({ workers, lanes, rolls: ROLLS });
      console.log(workers, lanes, JSON.stringify(account));
      expect(account.failures).to.deep.equal([]);
    });
  }
});
