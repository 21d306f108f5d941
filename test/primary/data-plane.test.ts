import { isIP } from 'node:net';
import { expect } from 'chai';
import { StartError } from '#src/errors.js';
import { addressOf } from '#src/primary/data-plane.js';

describe('the address of the data plane', () => {
  it('is HOST itself when that is an address', async () => {
    for (const host of ['127.0.0.1', '0.0.0.0', '::', '::1']) expect(await addressOf(host)).to.equal(host);
  });

  it('is an address that the name resolves to', async () => {
    const address = await addressOf('localhost');
    expect(isIP(address), address).to.not.equal(0);
    expect(address).to.match(/^127\.|^::1$/);
  });

  it('is refused, with the name in the error, when the name cannot be resolved', async () => {
    const name = 'x'.repeat(64); // longer than a label may be, so that no name server is queried
    const refused = await addressOf(name).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(refused).to.be.instanceOf(StartError);
    expect((refused as Error).message).to.match(
      /^cannot listen on x+ \(data plane\): HOST cannot be resolved \(E/,
    );
  });
});
