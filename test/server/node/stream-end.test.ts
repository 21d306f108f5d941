// The end of a stream whose last bytes the client does not take.
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect } from 'chai';
import type { NodeExchange } from '#src/server/node/node-exchange.js';
import { makeCertificate, needsOpenssl } from '#test/support/certificate.js';
import { newDataDir } from '#test/support/cluster.js';
import { CORES } from '../cores.js';
import { bench, latch, ManualTicker, settled } from '../kit.js';

const STREAM_IDLE_MS = 5000;
const PIECE = 'x'.repeat(1000);
const REQUEST = 'GET /stream HTTP/1.1\r\nHost: x\r\n\r\n';

describe('a stream on node:http that ends while its client takes nothing', () => {
  let folder: string;
  before(() => {
    folder = newDataDir();
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const isSecure of [false, true]) {
    it(`is unfinished until STREAM_IDLE_MS is over, and is cut then${isSecure ? ', over TLS' : ''}`, async function () {
      if (isSecure) needsOpenssl(this);
      const ticker = new ManualTicker();
      const sourceEnded = latch<void>();
      /** That of the server. */
      let accepted: Socket | undefined;
      const { app } = bench(
        (demo) =>
          demo.get('/stream', (ctx) =>
            ctx.stream(
              (async function* () {
                // Small pieces are accepted while some wait, so the end comes behind bytes that are
                // not taken.
                let waiting = 0;
                while (waiting === 0) {
                  yield PIECE;
                  await settled(); // Node.js writes behind the turn
                  // What is encrypted is taken a turn later.
                  await settled();
                  waiting = accepted!.writableLength;
                }
                sourceEnded.open();
              })(),
            ),
          ),
        { ticker },
      );
      const handle = app.handle.bind(app);
      app.handle = (exchange) => {
        accepted = (exchange as NodeExchange).connection.socket;
        handle(exchange);
      };
      const { certFile, keyFile, ca } = isSecure
        ? makeCertificate(folder, 'stream')
        : { certFile: '', keyFile: '', ca: '' };
      const node = CORES.find(({ name }) => name === 'node')!;
      const server = node.serverOf(app, {
        settings: { streamIdleMs: STREAM_IDLE_MS },
        ...(isSecure && { tls: { certFile, keyFile } }),
      });
      const port = await server.listen(0, '127.0.0.1');
      const client = isSecure
        ? connectTls({ port, host: '127.0.0.1', ca })
        : connect({ port, host: '127.0.0.1' });
      client.on('error', () => undefined);
      await once(client, isSecure ? 'secureConnect' : 'connect');
      client.pause();
      client.write(REQUEST);
      try {
        await sourceEnded.opened;
        for (let turns = 0; turns < 20; turns++) await settled();
        ticker.advance(STREAM_IDLE_MS - 1000);
        await settled();
        expect([server.unfinished, server.connections]).to.deep.equal([1, 1]);
        ticker.advance(1100);
        while (server.connections > 0) await settled();
        expect([server.unfinished, app.inFlight]).to.deep.equal([0, 0]);
      } finally {
        client.destroy();
        server.close();
      }
    });
  }
});
