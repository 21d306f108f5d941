// The end of a stream whose last bytes the client does not take.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { expect } from 'chai';
import { NodeServer } from '#src/server/node/node-server.js';
import { deafClient } from '#test/support/deaf-client.js';
import { type Bench, bench, latch, ManualTicker, settled } from '../kit.js';

const CHANNEL = 'net.server.socket';
const STREAM_IDLE_MS = 5000;
const PIECE = 'x'.repeat(1000);
const REQUEST = 'GET /stream HTTP/1.1\r\nHost: x\r\n\r\n';

describe('a stream on node:http that ends while its client takes nothing', () => {
  const ticker = new ManualTicker();
  let world: Bench;
  let server: NodeServer;
  let client: Socket;
  /** That of the server. */
  let accepted: Socket;
  const remember = (message: unknown): void => {
    accepted = (message as { readonly socket: Socket }).socket;
  };
  const sourceEnded = latch<void>();

  before(async () => {
    subscribe(CHANNEL, remember);
    world = bench(
      (app) =>
        app.get('/stream', (ctx) =>
          ctx.stream(
            (async function* () {
              // Small pieces are accepted while some wait, so the end comes behind bytes that were not taken.
              do {
                yield PIECE;
                await settled(); // Node.js writes behind the turn
              } while (accepted.writableLength === 0);
              sourceEnded.open();
            })(),
          ),
        ),
      { ticker },
    );
    server = new NodeServer(world.app, {
      settings: { maxHeaderBytes: 16_384, maxUrlBytes: 8192, streamIdleMs: STREAM_IDLE_MS },
    });
    client = await deafClient(await server.listen(0, '127.0.0.1'), REQUEST);
  });
  after(() => {
    unsubscribe(CHANNEL, remember);
    client.destroy();
    server.close();
  });

  it('is unfinished until STREAM_IDLE_MS is over, and is cut then', async () => {
    await sourceEnded.opened;
    for (let turns = 0; turns < 20; turns++) await settled();
    ticker.advance(STREAM_IDLE_MS - 1000);
    await settled();
    expect([server.unfinished, server.connections]).to.deep.equal([1, 1]);
    ticker.advance(1100);
    while (server.connections > 0) await settled();
    expect([server.unfinished, world.app.inFlight]).to.deep.equal([0, 0]);
  });
});
