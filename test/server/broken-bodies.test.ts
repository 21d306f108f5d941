// Bodies that end before their end: the client leaves, or what it sends cannot be parsed.
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import type { HttpError } from '#src/errors.js';
import type { HttpServer } from '#src/server/http-core.js';
import { MOST_BYTES } from '#src/server/lingering.js';
import { deafClient } from '#test/support/deaf-client.js';
import { Wire } from '#test/support/wire.js';
import { CORES, onCores } from './cores.js';
import { type Bench, bench, latch, settled } from './kit.js';

const SIZED = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc';
const PIECE = '?'.repeat(30_000);
const CHUNKED = 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n';

onCores('a body that is not completed', (core) => {
  let world: Bench;
  let server: HttpServer;
  let url: string;
  let entered: ReturnType<typeof latch<void>>;
  let failed: ReturnType<typeof latch<unknown>>;

  before(async () => {
    world = bench((app) => {
      app.post('/', (ctx) => {
        entered.open();
        return ctx.readText().catch((error: HttpError) => {
          failed.open(error.code);
          throw error;
        });
      });
    });
    server = core.serverOf(world.app);
    url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  });
  beforeEach(() => {
    entered = latch<void>();
    failed = latch<unknown>();
  });
  afterEach(async () => {
    await world.observer.ended(world.observer.begun);
    expect([server.unfinished, world.app.inFlight, world.quotas.bodies.held]).to.deep.equal([0, 0, 0]);
  });
  after(() => server.close());

  const begun = async (text: string): Promise<Wire> => {
    const wire = await Wire.open(url);
    wire.write(text);
    await entered.opened;
    return wire;
  };

  for (const [what, text] of Object.entries({ 'of known length': SIZED, 'in chunks': CHUNKED })) {
    it(`fails its reader when the client ends the connection: ${what}`, async () => {
      const wire = await begun(text);
      wire.end();
      expect(await failed.opened).to.equal('CLIENT_CLOSED');
      await wire.closed();
    });
  }

  it('fails its reader at once when a chunk cannot be parsed', async () => {
    const wire = await begun(CHUNKED);
    wire.write('no size\r\n');
    // The uws core responds and closes by itself.
    expect(await failed.opened).to.equal({ uws: 'CLIENT_CLOSED', node: 'MALFORMED_REQUEST' }[core.name]);
    expect((await wire.response())?.status).to.equal(400);
    await wire.closed();
  });
});

// uWebSockets.js closes the connection at once, so its client may lose the response.
describe('bytes that cannot be parsed, on the node core', () => {
  const node = CORES.find(({ name }) => name === 'node')!;
  let world: Bench;
  let server: HttpServer;
  let port: number;

  before(async () => {
    world = bench((app) => {
      app.get('/', () => 'ok');
      app.post('/read', (ctx) => ctx.readText());
      app.post('/unread', () => new Promise(() => undefined));
      app.post('/early', () => 'early');
    });
    server = node.serverOf(world.app);
    port = await server.listen(0, '127.0.0.1');
  });
  after(() => server.close());

  const begun = (path: string): string =>
    `POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`;
  for (const [where, before, statuses] of [
    ['at the beginning', '', [501]],
    ['behind a response', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', [200, 501]],
    ['in a body that is read', begun('/read'), [400]],
    ['in a body that is not read', begun('/unread'), [400]],
    ['in a body that has its response', begun('/early'), [200]],
  ] as const) {
    it(`are refused in a response that reaches a client which sends before it reads: ${where}`, async () => {
      const socket = await deafClient(port, before);
      let error: unknown;
      socket.on('error', (thrown) => (error = thrown));
      // More than the buffers of two sockets hold.
      for (let left = 500; left > 0; left--) {
        await new Promise((resolve) => socket.write(PIECE, resolve));
        await settled();
      }
      const received = await text(socket);
      expect(error).to.equal(undefined);
      expect([...received.matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => Number(status))).to.deep.equal(
        statuses,
      );
      while (server.connections > 0) await settled();
      expect([server.unfinished, world.app.inFlight]).to.deep.equal([0, 0]);
    });
  }

  it('end the connection of a client that sends them without end', async () => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).resume();
    socket.on('error', () => undefined);
    const cut = new Promise((resolve) => socket.once('close', resolve));
    const pour = setInterval(() => socket.write(PIECE.repeat(100)), 10);
    await cut.finally(() => clearInterval(pour));
    expect(socket.bytesWritten).to.be.greaterThan(MOST_BYTES);
  });
});
