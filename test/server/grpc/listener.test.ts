import { once } from 'node:events';
import type { Server } from 'node:net';
import { expect } from 'chai';
import { rpcBench } from './kit.js';

/** The listeners of this thread, as code of a service can find them. */
const listeners = (): readonly Server[] =>
  (process as unknown as { _getActiveHandles(): readonly Server[] })
    ._getActiveHandles()
    .filter(({ listening }) => listening);

const portOf = (listener: Server): number | undefined => {
  const address = listener.address();
  return typeof address === 'object' ? address?.port : undefined;
};

describe('the listener of a gRPC server', () => {
  it('is reported as lost when other code has closed it, while connections are open', async () => {
    const lost = new EventTarget();
    const rpc = await rpcBench(
      { Get: () => ({ name: 'open' }) },
      { listenerLost: () => lost.dispatchEvent(new Event('lost')) },
    );
    await rpc.unary('Get', { name: 'open' });
    const happens = once(lost, 'lost');
    listeners()
      .find((listener) => portOf(listener) === rpc.port)!
      .close();
    await happens;
    expect(rpc.server.connections).to.equal(1);
    rpc.close();
  });
});
