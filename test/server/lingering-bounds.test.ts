// How long the rest of a request body is read after an early response.
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import type { HttpServer } from '#src/server/http-core.js';
import { Lingering, MOST_BYTES, MOST_MS } from '#src/server/lingering.js';
import { TimerWheel } from '#src/server/timer-wheel.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { type Bench, bench, ManualTicker, settled } from './kit.js';

const IDLE_MS = 10_000;
const MIB = 1024 * 1024;
/** More than a socket takes of a response that is not read. */
const LARGE_BYTES = 30_000_000;

describe('a request body that is dropped', () => {
  let ticker: ManualTicker;
  let wheel: TimerWheel;
  let body: { isComplete: boolean };
  let events: string[];
  let abandoned: number;
  let lingering: Lingering;

  beforeEach(() => {
    ticker = new ManualTicker();
    wheel = new TimerWheel((error) => {
      throw error;
    }, ticker);
    body = { isComplete: false };
    events = [];
    abandoned = 0;
    const host = { wheel, abandonedBodies: { add: () => void abandoned++ } };
    lingering = new Lingering(host, body, () => events.push('beyond'));
  });
  afterEach(() => expect(wheel.size).to.equal(0));

  const wait = (): void => lingering.wait(IDLE_MS, () => events.push('over'));
  function complete(): void {
    body.isComplete = true;
    lingering.dropped(0);
  }

  it('is over when it is complete, after the callback of the core', async () => {
    wait();
    lingering.dropped(MIB);
    complete();
    expect(events).to.deep.equal([]);
    await settled();
    expect([events, abandoned]).to.deep.equal([['over'], 0]);
  });

  it('is over after the response when it was complete before', async () => {
    complete();
    wait();
    await settled();
    expect([events, abandoned]).to.deep.equal([['over'], 0]);
  });

  it('is given up when nothing has arrived for the idle time', () => {
    wait();
    ticker.advance(IDLE_MS - 1000);
    lingering.dropped(1);
    ticker.advance(IDLE_MS - 1000);
    expect(events).to.deep.equal([]);
    ticker.advance(1500);
    expect([events, abandoned]).to.deep.equal([['over'], 1]);
  });

  it('is given up when it arrives for longer than the bound of time, which begins with the response', () => {
    for (let ms = 0; ms < 2 * MOST_MS; ms += 5000) {
      ticker.advance(5000);
      lingering.dropped(1);
    }
    expect(events).to.deep.equal([]);
    wait();
    for (let ms = 0; ms < MOST_MS; ms += 5000) {
      expect(lingering.isUseful).to.equal(true);
      ticker.advance(5000);
      lingering.dropped(1);
    }
    expect([events, abandoned]).to.deep.equal([['beyond'], 1]);
    ticker.advance(IDLE_MS + 500);
    expect([events, abandoned]).to.deep.equal([['beyond', 'over'], 1]);
  });

  it('is given up beyond the bound of bytes, also before the response', () => {
    for (let bytes = 0; bytes < MOST_BYTES; bytes += MIB) lingering.dropped(MIB);
    expect([events, lingering.isUseful]).to.deep.equal([[], true]);
    lingering.dropped(1);
    lingering.dropped(MIB);
    expect([events, abandoned, lingering.isUseful]).to.deep.equal([['beyond'], 1, false]);
  });

  it('is given up sooner when its pieces are tiny', () => {
    let pieces = 0;
    for (; events.length === 0; pieces++) lingering.dropped(1);
    expect(pieces).to.be.below(100_000);
  });

  it('is forgotten when its client leaves', async () => {
    wait();
    complete();
    lingering.stop();
    await settled();
    expect([events, abandoned]).to.deep.equal([[], 0]);
  });
});

onCores('a client that uploads slowly behind an early response', (core) => {
  const ticker = new ManualTicker();
  const [FIRST, PIECE, PIECES] = ['x'.repeat(60_000), 'y'.repeat(400), 25];
  let abandoned = 0;
  let world: Bench;
  let server: HttpServer;

  before(() => {
    world = bench((app) => app.post('/', () => 'no'), { ticker });
    server = core.serverOf(world.app, { abandonedBodies: { add: () => void abandoned++ } });
  });
  after(() => server.close());

  it('sends all of its body, piece by piece, and the connection is closed in order', async () => {
    const wire = await Wire.open(`http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`);
    const length = FIRST.length + PIECES * PIECE.length;
    wire.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n${FIRST}`);
    expect(await wire.response()).to.include({ status: 200, closes: true });
    // Longer than the wait for one piece, and slower than a body may be that is read for its handler.
    for (let left = PIECES; left > 0; left--) {
      for (let turns = 0; turns < 10; turns++) await settled();
      ticker.advance(1000);
      expect([wire.ended, server.connections], `${left} left`).to.deep.equal([false, 1]);
      wire.write(PIECE);
    }
    await wire.closed();
    expect([wire.fault, abandoned, server.unfinished]).to.deep.equal([undefined, 0, 0]);
    while (world.app.wheel.size > 0) await settled();
  });
});

onCores('a client that uploads without end', (core) => {
  let world: Bench;
  let server: HttpServer;
  let port: number;
  let abandoned = 0;
  const ticker = new ManualTicker();

  before(async () => {
    world = bench(
      (app) => {
        app.post('/small', { bodyLimit: 1e12 }, () => 'no');
        app.post('/stream', { bodyLimit: 1e12 }, (ctx) => ctx.stream(ReadableStream.from(['no'])));
        app.post('/large', { bodyLimit: 1e12 }, () => 'x'.repeat(LARGE_BYTES));
      },
      { ticker },
    );
    server = core.serverOf(world.app, {
      abandonedBodies: { add: () => void abandoned++ },
    });
    port = await server.listen(0, '127.0.0.1');
  });
  after(() => server.close());

  /** Uploads, no faster than the socket takes it, until the server has given up the body. */
  async function upload(socket: Socket): Promise<void> {
    const piece = Buffer.alloc(MIB);
    while (abandoned === 0) {
      if (socket.writableLength < 16 * MIB) socket.write(piece);
      await settled();
    }
  }

  for (const [path, isRead] of [
    ['/small', true],
    ['/large', false],
    ['/stream', true],
  ] as const) {
    const reads = isRead ? 'reads' : 'does not read';
    it(`is not read beyond the bound, and is let go, when it ${reads} ${path}`, async () => {
      abandoned = 0;
      const socket = connect(port, '127.0.0.1').on('error', () => undefined);
      if (!isRead) socket.pause();
      let received = '';
      socket.on('data', (part: Buffer) => (received += part));
      socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n`);
      await upload(socket);
      expect(socket.bytesWritten).to.be.above(MOST_BYTES);
      while (isRead && !received.includes('no')) await settled();
      ticker.advance(11_000);
      while (server.unfinished > 0 || (path !== '/stream' && server.connections > 0)) await settled();
      expect([abandoned, world.app.wheel.size]).to.deep.equal([1, 0]);
      socket.destroy();
    });
  }
});
