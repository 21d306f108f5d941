import { expect } from 'chai';
import { updateHealth } from '#src/worker/grpc-worker-server.js';

/** @returns the names that are served */
function served(states: Parameters<typeof updateHealth>[2], isOrdersReady = true): readonly string[] {
  const names: string[] = [];
  const methods = [
    { service: 'Users', owner: { ready: true } },
    { service: 'Orders', owner: { ready: isOrdersReady } },
  ];
  updateHealth({ set: (name, isServing) => isServing && names.push(name) }, methods, states);
  return names;
}

describe('the health of a gRPC worker', () => {
  it('is that of the process for the server as a whole', () => {
    expect(served({ ready: true, draining: false })).to.deep.equal(['Users', 'Orders', '']);
    expect(served({ ready: false, draining: false })).to.deep.equal(['Users', 'Orders']);
  });

  it('is that of its database for a service', () => {
    expect(served({ ready: true, draining: false }, false)).to.deep.equal(['Users']);
  });

  it('is lost for all names from the first moment of a drain', () => {
    expect(served({ ready: true, draining: true })).to.deep.equal([]);
  });
});
