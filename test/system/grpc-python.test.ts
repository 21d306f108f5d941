import { expect } from 'chai';
import { needsPython, rollUnderPython } from './grpc-python.js';

describe('a gRPC client in Python', () => {
  before(function () {
    needsPython(this);
  });

  for (const [workers, lanes] of [
    [2, 1],
    // With many threads, calls are on their way whenever a client is sent away.
    [1, 120],
  ] as const) {
    it(`loses no call of ${lanes} thread(s) while ${workers} gRPC worker(s) are replaced twice`, async function () {
      this.timeout(120_000);
      const { succeeded, failures } = await rollUnderPython({ workers, lanes, rolls: 2 });
      expect(failures).to.deep.equal([]);
      expect(Math.min(...succeeded)).to.be.greaterThan(10);
    });
  }
});
