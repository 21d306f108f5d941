import { expect } from 'chai';
import { needsPython, rollUnderPython } from './grpc-python.js';

describe('a gRPC client in Python', () => {
  before(function () {
    needsPython(this);
  });

  it('loses no call while 2 gRPC workers are replaced twice', async function () {
    this.timeout(120_000);
    const { succeeded, failures } = await rollUnderPython(2, 2);
    expect(failures).to.deep.equal([]);
    expect(Math.min(...succeeded)).to.be.greaterThan(10);
  });
});
