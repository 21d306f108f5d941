import { expect } from 'chai';
import { boundReceiveBuffers } from '#src/cluster/receive-buffers.js';
import { type CoreApp, loadCore } from '#src/server/uws/uws-core.js';
import { fastUpload } from '#test/support/fast-upload.js';
import { silentLog } from '#test/support/silent-log.js';

/** The number of bytes that the HTTP core reads at a time. */
const CORE_BYTES = 512 * 1024;
const BYTES = 64 * 1024 * 1024;

describe('the bound of receive buffers', () => {
  let app: CoreApp | undefined;
  before(function () {
    if (process.platform !== 'linux') this.skip();
  });
  afterEach(() => app?.close());

  for (const host of ['127.0.0.1', '::']) {
    it(`ends a turn of the loop after one read, for a client that sends faster: ${host}`, async function () {
      this.timeout(20_000);
      const core = loadCore();
      let port = 0;
      let pieces = 0;
      let mostPieces = 0;
      let mostBytes = 0;
      let received = 0;
      app = core.App().any('/*', (response) => {
        response.onAborted(() => undefined);
        response.onData((piece, isLast) => {
          received += piece.byteLength;
          mostBytes = Math.max(mostBytes, piece.byteLength);
          mostPieces = Math.max(mostPieces, ++pieces);
          if (pieces === 1) setImmediate(() => (pieces = 0));
          // This handler is slower than the client, so the next bytes are there before it returns.
          const until = performance.now() + 1;
          while (performance.now() < until);
          if (isLast) response.end('read', true);
        });
      });
      app.listen(host, 0, (socket) => {
        if (socket) port = core.us_socket_local_port(socket);
      });
      if (port === 0) this.skip(); // without IPv6
      await boundReceiveBuffers(port, silentLog);
      expect(await fastUpload({ port, path: '/', bytes: BYTES })).to.match(/^HTTP\/1.1 200 /);
      expect(received).to.equal(BYTES);
      expect(mostPieces).to.equal(1);
      expect(mostBytes).to.be.lessThan(CORE_BYTES);
    });
  }

  it('is replaced by a warning when it cannot be set', async () => {
    const warned: string[] = [];
    const core = loadCore();
    let port = 0;
    app = core.App().any('/*', (response) => void response.end());
    app.listen('127.0.0.1', 0, (socket) => {
      port = core.us_socket_local_port(socket);
    });
    const { execPath } = process;
    process.execPath = '/nonexistent/node';
    try {
      await boundReceiveBuffers(port, {
        warn: (_fields: unknown, text: string) => void warned.push(text),
      } as never);
    } finally {
      process.execPath = execPath;
    }
    expect(warned).to.have.length(1);
    expect(warned[0]).to.match(/net\.ipv4\.tcp_rmem/);
  });
});
