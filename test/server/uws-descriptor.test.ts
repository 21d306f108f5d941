import { expect } from 'chai';
import { UwsServer } from '#src/server/uws/uws-server.js';
import { bench } from './kit.js';

describe('the descriptor of a server', () => {
  it('is handed out once', () => {
    const server = new UwsServer(bench(() => {}).app, {
      settings: { maxHeaderBytes: 16_384, maxUrlBytes: 8192, streamIdleMs: 60_000 },
    });
    expect(server.descriptor()).to.not.equal(undefined);
    expect(() => server.descriptor()).to.throw('once');
    server.close();
  });
});
