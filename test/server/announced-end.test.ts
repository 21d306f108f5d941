// A response that is sent before the end of the request body announces the end of the connection, and waits
// for a client that still sends. Nothing that arrives from then on may be executed (RFC 9112 section 9.6).
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { expect } from 'chai';
import type { HttpServer } from '#src/server/http-core.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { type Bench, bench, ManualTicker, settled } from './kit.js';

const FOLLOWER = 'GET /evil HTTP/1.1\r\nHost: x\r\n\r\n';
const LENGTH = 300_000;

onCores('a connection whose end was announced', (core) => {
  let world: Bench;
  let server: HttpServer;
  let url: string;
  let executed: number;
  const ticker = new ManualTicker();

  before(async () => {
    world = bench(
      (app) => {
        app.get('/evil', () => {
          executed++;
          return 'evil';
        });
        app.get('/ok', () => 'ok');
        app.post('/sync', { bodyLimit: 1e9 }, () => 'früh');
        app.post('/bytes', () => new Uint8Array([1, 2, 3]));
        app.post('/empty', (ctx) => ctx.text(''));
        app.post('/nothing', () => undefined);
        app.post('/async', async () => {
          await settled();
          return 'late';
        });
        app.post('/large', () => 'x'.repeat(100_000));
        app.post('/stream', (ctx) => ctx.stream(pieces()));
        app.get('/sync', () => 'früh');
        app.post('/short', { bodyLimit: 1000 }, async (ctx) => ctx.readText());
      },
      { ticker },
    );
    server = core.serverOf(world.app);
    url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  });
  after(() => server.close());
  beforeEach(() => {
    executed = 0;
  });

  async function* pieces() {
    yield 'a';
    await settled();
    yield 'b';
  }

  /** Waits until the server has processed everything that it has read. */
  async function roundTrip(): Promise<void> {
    const other = await Wire.open(url);
    await other.request('GET', '/ok');
    other.destroy();
  }

  /** Waits until a response has come but for its last chunk, which comes when its client sends nothing. */
  async function clientIsSilent(wire: Wire): Promise<void> {
    while (!/\r\nb(?:\r\n)?$/.test(wire.rest)) await settled();
    await roundTrip();
    ticker.advance(2500);
  }

  const head = (method: string, path: string): string =>
    `${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${LENGTH}\r\n\r\n`;
  const begun = 1000;

  const small = {
    '/sync': [200, 'früh'],
    '/bytes': [200, '\u0001\u0002\u0003'],
    '/empty': [200, ''],
    '/nothing': [204, ''],
    '/async': [200, 'late'],
  } as const;
  const large = { '/large': [200, 'x'.repeat(100_000)], '/stream': [200, 'ab'] } as const;

  for (const [path, [status, text]] of Object.entries({ ...small, ...large })) {
    it(`executes nothing more, and its response is whole (${path})`, async () => {
      const wire = await Wire.open(url);
      wire.write(head('POST', path) + 'b'.repeat(begun));
      if (path === '/stream') await clientIsSilent(wire);
      const answer = await wire.response();
      expect([answer?.status, answer?.closes, String(answer?.body)]).to.deep.equal([status, true, text]);
      expect(answer?.headers).to.have.property('date');
      wire.write('b'.repeat(LENGTH - begun) + FOLLOWER);
      wire.write(FOLLOWER);
      if (path !== '/stream') await wire.closed();
      await roundTrip();
      expect([executed, server.unfinished]).to.deep.equal([0, 0]);
      wire.destroy();
    });
  }

  for (const [method, path, status] of [
    ['POST', '/nowhere', 404],
    ['POST', '/short', 413],
    ['HEAD', '/sync', 200],
  ] as const) {
    it(`executes nothing more behind ${status} to ${method} ${path}`, async () => {
      const wire = await Wire.open(url);
      wire.write(head(method, path) + 'b'.repeat(begun));
      while (!wire.rest.includes('\r\n\r\n') && method === 'HEAD') await settled();
      if (method === 'HEAD')
        expect(wire.rest).to.match(/^HTTP\/1\.1 200 .*Content-Length: 5\r\n.*\r\n\r\n$/s);
      else expect((await wire.response())?.status).to.equal(status);
      wire.write('b'.repeat(LENGTH - begun) + FOLLOWER);
      await wire.closed();
      expect(executed).to.equal(0);
    });
  }

  it('executes nothing else of the packet that its body came in', async () => {
    const length = 70_000;
    for (const path of ['/sync', '/nothing', '/large']) {
      const wire = await Wire.open(url);
      wire.write(head('POST', path).replace(String(LENGTH), String(length)) + 'b'.repeat(length) + FOLLOWER);
      await Promise.race([wire.response(), wire.closed()]);
      await roundTrip();
      expect(executed, path).to.equal(0);
      wire.destroy();
    }
  });

  it('accepts the whole body of a client that sends before it reads', async () => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1').pause();
    const body = Buffer.alloc(30_000_000, 'b');
    socket.write(head('POST', '/sync').replace(String(LENGTH), String(body.length)));
    await new Promise((resolve) => socket.write(body, resolve));
    const [response] = await once(socket.resume(), 'data');
    expect(String(response)).to.match(/^HTTP\/1\.1 200 OK/);
    socket.destroy();
  });

  it('is read in order by node:http, which goes on sending', async () => {
    const [status, text] = await new Promise<[number | undefined, string]>((resolve, reject) => {
      const outgoing = request(`${url}/sync`, { method: 'POST', headers: { 'content-length': LENGTH } });
      outgoing.on('error', reject).on('response', (response) => {
        let received = '';
        outgoing.end('b'.repeat(LENGTH - begun));
        response
          .on('data', (chunk) => (received += chunk))
          .on('end', () => resolve([response.statusCode, received]));
      });
      outgoing.write('b'.repeat(begun));
    });
    expect([status, text]).to.deep.equal([200, 'früh']);
  });

  it('ends in time when its client does not close it', async () => {
    const wire = await Wire.open(url);
    wire.write(head('POST', '/sync'));
    await wire.response();
    ticker.advance(11_000);
    await wire.closed();
    expect(world.app.wheel.size).to.equal(0);
  });
});
