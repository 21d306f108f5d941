// The flow of bytes: pipelining, and clients that do not read, leave, or stop sending.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { expect } from 'chai';
import { boundReceiveBuffers } from '#src/cluster/receive-buffers.js';
import type { Context } from '#src/server/handler.js';
import type { HttpServer } from '#src/server/http-core.js';
import { CLOSE_AFTER_MS } from '#src/server/lingering.js';
import { deafClient } from '#test/support/deaf-client.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { type Bench, bench, latch, ManualTicker, settled } from './kit.js';

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
const LARGE = Buffer.alloc(6_000_000, 'large ');
const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The body of a response in the chunked coding. */
function unchunked(response: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let at = response.indexOf('\r\n\r\n') + 4; ; ) {
    const end = response.indexOf('\r\n', at);
    const size = Number.parseInt(response.toString('latin1', at, end), 16);
    if (size === 0) return Buffer.concat(pieces);
    pieces.push(response.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}

onCores('flow over a socket', (core) => {
  let world: Bench;
  let server: HttpServer;
  let url: string;
  let port: number;
  let handled: number;
  let entered: ReturnType<typeof latch<Context>>;
  let streamed: number;
  let sourceEnded: ReturnType<typeof latch<void>>;
  const ticker = new ManualTicker();

  before(async () => {
    world = bench(
      (app) => {
        app.get('/small', () => {
          handled++;
          return 'small';
        });
        app.get('/medium', () => {
          handled++;
          return LARGE.subarray(0, 20_000);
        });
        app.get('/none', () => {
          handled++;
        });
        app.get('/large', () => LARGE);
        app.get('/waits', (ctx) => {
          entered.open(ctx as Context);
          return new Promise((_resolve, reject) => {
            ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason as Error));
          });
        });
        app.post('/reads', { bodyLimit: 100 }, async (ctx) => {
          entered.open(ctx as Context);
          return ctx.readText();
        });
        app.post('/mirrors', { bodyLimit: 100 }, (ctx) => ctx.stream(ctx.readStream()));
        app.post('/refuses', () => 'no need');
        app.post('/echoes', { bodyLimit: 1e8 }, (ctx) => ctx.stream(ctx.readStream()));
        app.get('/endless', (ctx) =>
          ctx.stream(
            (async function* () {
              try {
                for (;;) {
                  yield LARGE.subarray(0, 100_000);
                  streamed += 100_000;
                }
              } finally {
                sourceEnded.open(undefined);
              }
            })(),
          ),
        );
        app.get('/stream', (ctx) =>
          ctx.stream(
            (async function* () {
              for (let at = 0; at < LARGE.length; at += 70_001) yield LARGE.subarray(at, at + 70_001);
            })(),
          ),
        );
        app.get('/breaks', (ctx) =>
          ctx.stream(
            (async function* () {
              yield 'begun';
              await settled();
              throw new Error('source failed');
            })(),
          ),
        );
      },
      { ticker },
    );
    server = core.serverOf(world.app, {
      settings: { streamIdleMs: 5000 },
    });
    port = await server.listen(0, '127.0.0.1');
    await boundReceiveBuffers(port, world.app.options.log);
    url = `http://127.0.0.1:${port}`;
  });
  after(() => server.close());
  beforeEach(() => {
    handled = 0;
    streamed = 0;
    world.observer.seen.length = 0;
    entered = latch<Context>();
    sourceEnded = latch<void>();
  });

  const deaf = (bytes: string): Promise<Socket> => deafClient(port, bytes);

  /** Waits until the server has no connection left, and one turn more. */
  async function allClosed(): Promise<void> {
    while (server.connections > 0) await settled();
    await settled();
  }

  it('responds to pipelined requests in order', async () => {
    const wire = await Wire.open(url);
    wire.write(get('/small').repeat(40) + get('/nowhere') + get('/large'));
    for (let i = 0; i < 40; i++) expect((await wire.response())?.body.toString()).to.equal('small');
    expect((await wire.response())?.status).to.equal(404);
    expect((await wire.response())?.body.length).to.equal(LARGE.length);
    wire.destroy();
  });

  it('responds to each request of a packet, also where responses have no body', async () => {
    const wire = await Wire.open(url);
    for (let packet = 0; packet < 100; packet++) {
      wire.write(get('/small') + get('/none') + get('/none') + get('/small'));
      const statuses: (number | undefined)[] = [];
      for (let i = 0; i < 4; i++) statuses.push((await wire.response())?.status);
      expect(statuses, `packet ${packet}`).to.deep.equal([200, 204, 204, 200]);
    }
    wire.destroy();
  });

  for (const path of ['/small', '/medium', '/none']) {
    it(`cuts off a client that pipelines ${path} and does not read`, async () => {
      const sentRequests = 400_000;
      const socket = await deaf(get(path).repeat(sentRequests));
      // This core drops what follows until its client ends, or is silent.
      if (core.name === 'node') socket.end();
      await allClosed();
      expect(handled).to.be.lessThan(sentRequests);
      expect(server.unfinished).to.equal(0);
      socket.destroy();
    });
  }

  it('sends a large response whole, as fast as it is read', async () => {
    const socket = await deaf(get('/large').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
    await world.observer.ended(1);
    expect(server.unfinished).to.equal(1);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    expect(hash(bytes.subarray(bytes.indexOf('\r\n\r\n') + 4))).to.equal(hash(LARGE));
    expect(server.unfinished).to.equal(0);
  });

  it('streams a response whole, as fast as it is read', async () => {
    const wire = await Wire.open(url);
    const answer = await wire.request('GET', '/stream');
    expect(hash(answer?.body ?? Buffer.alloc(0))).to.equal(hash(LARGE));
    wire.destroy();
  });

  it('reads no more from the source of a stream than the client takes, and ends it when the client leaves', async () => {
    const socket = await deaf(get('/endless'));
    const idle = async (): Promise<void> => {
      for (let before = -1; before !== streamed; ) {
        before = streamed;
        for (let i = 0; i < 20; i++) await settled();
      }
    };
    while (streamed === 0) await settled();
    await idle();
    expect(streamed).to.be.lessThan(64_000_000);
    socket.destroy();
    await sourceEnded.opened;
    await world.observer.ended(1);
    expect(world.observer.seen[0]).to.include({ status: 499, error: 'CLIENT_CLOSED' });
  });

  it('ends a stream and a large response whose client takes nothing for STREAM_IDLE_MS', async () => {
    for (const path of ['/endless', '/large']) {
      const socket = await deaf(get(path));
      while (server.unfinished === 0 || world.app.wheel.size === 0) await settled();
      for (let i = 0; i < 20; i++) await settled();
      ticker.advance(5020);
      await allClosed();
      expect([server.unfinished, world.app.inFlight], path).to.deep.equal([0, 0]);
      socket.destroy();
    }
  });

  it('cuts a stream whose source fails, so that its client does not take it for complete', async () => {
    const wire = await Wire.open(url);
    expect(await wire.request('GET', '/breaks')).to.equal(undefined);
    expect(wire.rest).to.include('begun').and.not.include('\r\n0\r\n');
    expect(world.logs.at(-1)?.msg).to.equal('a streamed response failed');
  });

  it('cuts a stream that is made of a body over its limit, and logs no fault', async () => {
    const wire = await Wire.open(url);
    wire.write('POST /mirrors HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
    const logged = world.logs.length;
    for (let n = 0; n < 20; n++) wire.write(`a\r\n0123456789\r\n`);
    expect(await wire.response()).to.equal(undefined);
    expect(wire.rest)
      .to.match(/^HTTP\/1\.1 200 /)
      .and.not.include('\r\n0\r\n');
    await world.observer.ended(1);
    expect(world.observer.seen[0]).to.include({ status: 413, error: 'BODY_TOO_LARGE' });
    expect(world.observer.refusals.at(-1)).to.equal('body_too_large');
    expect(world.logs.slice(logged)).to.deep.equal([]);
  });

  it('echoes a body whole to a client that reads late: both directions pause and go on', async () => {
    const body = Buffer.alloc(48_000_000, 'back and forth ');
    const socket = await deaf(
      `POST /echoes HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    const drained = once(socket, 'drain');
    socket.write(body);
    // Nothing moves any more: the client does not read, so the server does not read either.
    for (let before = -1; before !== world.quotas.bodyBytes.held; ) {
      before = world.quotas.bodyBytes.held;
      for (let turns = 0; turns < 100; turns++) await settled();
      ticker.advance(10);
    }
    expect(world.quotas.bodyBytes.held).to.be.lessThan(2_000_000);
    const clock = setInterval(() => ticker.advance(10), 1);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    clearInterval(clock);
    await drained;
    expect(hash(unchunked(Buffer.concat(chunks)))).to.equal(hash(body));
  });

  it('ends a stream of a paused body soon after its client has left, whether or not the handler writes', async () => {
    const body = Buffer.alloc(48_000_000, 'there and gone ');
    const socket = await deaf(`POST /echoes HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`);
    socket.write(body);
    for (let before = -1; before !== world.quotas.bodyBytes.held; ) {
      before = world.quotas.bodyBytes.held;
      for (let turns = 0; turns < 100; turns++) await settled();
      ticker.advance(10);
    }
    expect(world.quotas.streams.held).to.equal(1);
    socket.resetAndDestroy();
    await once(socket, 'close');
    // This is far less than STREAM_IDLE_MS.
    for (let ms = 0; ms < 2000; ms += 100) {
      ticker.advance(100);
      await settled();
    }
    await allClosed();
    expect([world.quotas.streams.held, world.quotas.bodyBytes.held, server.unfinished]).to.deep.equal([
      0, 0, 0,
    ]);
    expect(world.observer.seen[0]).to.include({ status: 499, error: 'CLIENT_CLOSED' });
  });

  it('aborts the signal of a handler whose client leaves', async () => {
    const wire = await Wire.open(url);
    wire.write(get('/waits'));
    const ctx = await entered.opened;
    expect(ctx.ip).to.equal('127.0.0.1');
    wire.destroy();
    await world.observer.ended(1);
    expect(ctx.signal.aborted).to.equal(true);
    expect(world.observer.seen[0]).to.include({ status: 499, error: 'CLIENT_CLOSED' });
    await settled();
    expect([world.app.inFlight, server.unfinished, world.app.wheel.size]).to.deep.equal([0, 0, 0]);
  });

  it('responds 504 at the deadline, and keeps the connection', async () => {
    const wire = await Wire.open(url);
    const answer = wire.request('GET', '/waits');
    await entered.opened;
    await settled();
    ticker.advance(31_000);
    expect((await answer)?.status).to.equal(504);
    expect((await wire.request('GET', '/small'))?.status).to.equal(200);
    wire.destroy();
  });

  it('responds 408 and closes when the body stops arriving', async () => {
    const wire = await Wire.open(url);
    wire.write('POST /reads HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc');
    await entered.opened;
    await settled();
    ticker.advance(8020);
    const answer = await wire.response();
    expect([answer?.status, answer?.closes]).to.deep.equal([408, true]);
    await wire.closed();
  });

  it('stops at the limit of a body of unknown length', async () => {
    const wire = await Wire.open(url);
    wire.write('POST /reads HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n');
    wire.write('x'.repeat(101));
    const answer = await wire.response();
    expect([answer?.status, answer?.closes]).to.deep.equal([413, true]);
    // The client sends nothing more.
    ticker.advance(CLOSE_AFTER_MS + 1000);
    await wire.closed();
  });

  it('responds before an unread body, and a client that still sends gets the response', async () => {
    const wire = await Wire.open(url);
    const body = 'x'.repeat(1_000_000);
    wire.write(`POST /refuses HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    const first = await wire.response();
    expect([first?.status, first?.closes]).to.deep.equal([200, true]);
    const second = await Wire.open(url);
    second.write(`POST /reads HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    const refused = await second.response();
    expect([refused?.status, refused?.closes]).to.deep.equal([413, true]);
    wire.destroy();
    second.destroy();
  });

  it('keeps the connection behind a short unread body', async () => {
    const wire = await Wire.open(url);
    expect((await wire.request('POST', '/refuses', [], 'short'))?.closes).to.equal(false);
    expect((await wire.request('GET', '/small'))?.status).to.equal(200);
    wire.destroy();
  });

  it('closes a connection with every response while draining, until none is left', async () => {
    world.world.draining = true;
    try {
      for (const path of ['/small', '/nowhere', '/stream']) {
        const wire = await Wire.open(url);
        expect((await wire.request('GET', path))?.closes, path).to.equal(true);
        if (path !== '/stream') await wire.closed();
        wire.destroy();
      }
    } finally {
      world.world.draining = false;
    }
    await allClosed();
  });
});

onCores('a server that closes', (core) => {
  it('ends what is in flight, and may be closed twice', async () => {
    const entered = latch<Context>();
    const { app, observer } = bench((demo) => {
      demo.get('/', (ctx) => {
        entered.open(ctx as Context);
        return new Promise(() => undefined);
      });
    });
    const server = core.serverOf(app);
    const wire = await Wire.open(`http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`);
    wire.write(get('/'));
    const ctx = await entered.opened;
    await settled();
    server.close();
    server.close();
    await wire.closed();
    await observer.ended(1);
    expect(ctx.signal.aborted).to.equal(true);
    expect(server.connections).to.equal(0);
  });

  it('cannot listen on a port that another server does not share', async () => {
    const { app } = bench(() => {});
    const server = core.serverOf(app);
    const failure = await server.listen(1, '192.0.2.1').catch((error: Error) => error.message);
    expect(failure).to.match(
      { uws: /^cannot listen on 192\.0\.2\.1:1$/, node: /^listen EADDRNOTAVAIL: .* 192\.0\.2\.1:1$/ }[
        core.name
      ],
    );
    server.close();
  });
});
