// Clients that leave while the core does not watch their connection, because reading from it is paused.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { expect } from 'chai';
import type { Context } from '#src/server/handler.js';
import type { HttpServer } from '#src/server/http-core.js';
import { deafClient } from '#test/support/deaf-client.js';
import { onCores } from './cores.js';
import { type Bench, bench, latch, ManualTicker, settled } from './kit.js';

const CHUNKED = 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n';
const LENGTH = 200_000;
const HALF = `Content-Length: ${LENGTH}\r\n\r\n${'x'.repeat(LENGTH / 2)}`;
const LARGE = 6_000_000;
const head = (path: string): string => `POST ${path} HTTP/1.1\r\nHost: x\r\n`;

const ENDS = {
  resets: (socket: Socket) => void socket.resetAndDestroy(),
  closes: (socket: Socket) => void socket.destroy(),
};
/** What a handler has not read, and the ends of its connection that are noticed meanwhile. */
const CASES: readonly [what: string, bytes: string, ends: readonly (keyof typeof ENDS)[]][] = [
  ['a chunked body that is complete', CHUNKED, ['resets', 'closes']],
  ['more than 64 KiB of its body unread', HALF, ['resets']],
];

onCores('a client that leaves while its connection is not read', (core) => {
  let world: Bench;
  let ticker: ManualTicker;
  let server: HttpServer;
  let port: number;
  let entered: ReturnType<typeof latch<AbortSignal>>;
  let open: ReturnType<typeof latch<void>>;
  let executed: string[];

  before(async () => {
    ticker = new ManualTicker();
    const waits = (signal: AbortSignal): Promise<void> => {
      entered.open(signal);
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
    };
    world = bench(
      (app) => {
        app.post('/unread', async (ctx: Context) => waits(ctx.signal));
        app.post('/read', async (ctx) => {
          if (ctx.headers.get('content-length') === null) await ctx.readText();
          await waits(ctx.signal);
        });
        app.post('/late', async (ctx) => {
          entered.open(ctx.signal);
          await open.opened;
          return (await ctx.readText()).length;
        });
        app.post('/large', async (ctx) => {
          entered.open(ctx.signal);
          await open.opened;
          return ctx.bytes(new Uint8Array(LARGE));
        });
        app.get('/follower', () => void executed.push('/follower'));
        app.mount('/mounted', async (request: Request) => {
          await waits(request.signal);
          return new Response('late');
        });
      },
      { ticker },
    );
    server = core.serverOf(world.app);
    port = await server.listen(0, '127.0.0.1');
  });
  after(() => server.close());
  beforeEach(() => {
    entered = latch();
    open = latch();
    executed = [];
    world.world.permits = 10;
    world.observer.seen.length = 0;
  });
  afterEach(async () => {
    while (server.unfinished > 0) await settled();
    const { bodies, bodyBytes, streams } = world.quotas;
    expect([world.world.permits, server.unfinished, world.app.living().length]).to.deep.equal([10, 0, 0]);
    expect([bodies.held, bodyBytes.held, streams.held]).to.deep.equal([0, 0, 0]);
    expect(world.app.wheel.size).to.equal(0);
  });

  /** The clock advances, and the event loop turns meanwhile. */
  async function pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 100) {
      ticker.advance(100);
      for (let turns = 0; turns < 3; turns++) await settled();
    }
  }

  /** A client whose request waits in its handler, with reading paused. */
  async function paused(path: string, bytes: string): Promise<Socket> {
    const socket = await deafClient(port, head(path) + bytes);
    await entered.opened;
    await pass(100);
    return socket;
  }

  for (const [what, bytes, ends] of CASES) {
    for (const path of ['/unread', '/read', '/mounted']) {
      for (const end of ends) {
        it(`is noticed behind ${what} when it ${end} it: ${path}`, async () => {
          const socket = await paused(path, bytes);
          const signal = await entered.opened;
          ENDS[end](socket);
          await once(socket, 'close');
          // This is far less than the deadline.
          await pass(2500);
          while (!signal.aborted) await settled();
          expect(signal.reason).to.include({ code: 'CLIENT_CLOSED' });
          await world.observer.ended(1);
          expect(world.observer.seen[0]).to.include({ status: 499, error: 'CLIENT_CLOSED' });
        });
      }
    }
  }

  it('is not one that waits for a response behind a chunked body', async () => {
    const socket = await paused('/late', CHUNKED);
    await pass(20_000);
    open.open();
    const [bytes] = (await once(socket.resume(), 'data')) as [Buffer];
    expect(String(bytes)).to.match(/^HTTP\/1\.1 200 OK/);
    await once(socket, 'close');
  });

  it('is not one whose body is left unread for long, and is read then', async () => {
    const socket = await paused('/late', HALF);
    await pass(20_000);
    open.open();
    socket.write('y'.repeat(LENGTH / 2));
    const [bytes] = (await once(socket.resume(), 'data')) as [Buffer];
    expect(String(bytes).endsWith(`\r\n\r\n${LENGTH}`)).to.equal(true);
    socket.destroy();
  });

  it('is noticed only when the handler reads on, if it closes behind more than 64 KiB of its body', async () => {
    const socket = await paused('/late', HALF);
    const signal = await entered.opened;
    socket.destroy();
    await once(socket, 'close');
    await pass(2500);
    expect(signal.aborted).to.equal(false);
    open.open();
    await world.observer.ended(1);
    expect(world.observer.seen[0]).to.include({ status: 499, error: 'CLIENT_CLOSED' });
  });

  it('is not one that reads a large response slowly', async () => {
    const socket = await paused('/large', CHUNKED);
    await pass(3000);
    open.open();
    await pass(5000);
    let received = 0;
    for await (const bytes of socket) {
      received += (bytes as Buffer).length;
      if (received > LARGE) break;
    }
    expect(received).to.be.greaterThan(LARGE);
  });

  it('sends more behind a chunked body in vain', async () => {
    const socket = await paused('/read', CHUNKED);
    socket.write('GET /follower HTTP/1.1\r\nHost: x\r\n\r\n');
    await pass(2500);
    const signal = await entered.opened;
    // uWebSockets.js notices it only by the end of the connection.
    if (core.name === 'uws') while (!signal.aborted) await settled();
    expect(signal.aborted).to.equal(core.name === 'uws');
    socket.destroy();
    await world.observer.ended(1);
    expect(executed).to.deep.equal([]);
  });
});
