// Requests that would be the last ones of HTTP on their connection: CONNECT, and a handshake of a WebSocket.
// The response to a request before them is sent whole.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { HttpServer } from '#src/server/http-core.js';
import { makeCertificate, needsOpenssl } from '#test/support/certificate.js';
import { HANDSHAKE } from '#test/support/frames.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { type Bench, bench, latch, settled } from './kit.js';

const LARGE = Buffer.alloc(6_000_000, 'l');
const get = (path: string, ...fields: string[]): string =>
  `${[`GET ${path} HTTP/1.1`, 'Host: x', ...fields].join('\r\n')}\r\n\r\n`;

const CONNECT = 'CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n';
const SOCKET = get('/socket', ...HANDSHAKE);
const HTTP_1_0 = SOCKET.replace('HTTP/1.1', 'HTTP/1.0');

onCores('a request that would end HTTP on its connection', (core) => {
  let world: Bench;
  let server: HttpServer;
  let url: string;
  let wire: Wire;
  let entered: ReturnType<typeof latch<void>>;
  let open: ReturnType<typeof latch<void>>;
  let opened: number;

  before(async () => {
    world = bench((app) => {
      app.get('/small', () => 'small');
      app.get('/late', async () => {
        entered.open();
        await open.opened;
        return LARGE;
      });
      app.get('/stream', (ctx) =>
        ctx.stream(
          (async function* () {
            entered.open();
            await open.opened;
            for (let at = 0; at < LARGE.length; at += 100_000) yield LARGE.subarray(at, at + 100_000);
          })(),
        ),
      );
      app.ws('/socket', { open: () => void opened++ });
    });
    server = core.serverOf(world.app);
    url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  });
  beforeEach(async () => {
    entered = latch();
    open = latch();
    opened = 0;
    wire = await Wire.open(url);
  });
  afterEach(() => {
    wire.destroy();
    expect(server.unfinished).to.equal(0);
  });
  after(() => server.close());

  it('is refused when it is CONNECT, and the connection ends', async () => {
    wire.write(CONNECT);
    const response = await wire.response();
    expect(response?.status).to.equal({ uws: 505, node: 501 }[core.name]);
    await wire.closed();
  });

  it('is no handshake of a WebSocket with HTTP/1.0, which ignores Upgrade', async () => {
    wire.write(HTTP_1_0);
    expect((await wire.response())?.status).to.equal({ uws: 505, node: 426 }[core.name]);
    await wire.closed();
    expect(opened).to.equal(0);
  });

  it('opens a WebSocket behind a response that its client has', async () => {
    for (const path of ['/small', '/late', '/stream']) {
      const one = await Wire.open(url);
      open.open();
      expect((await one.request('GET', path))?.status).to.equal(200);
      expect((await one.request('GET', '/socket', HANDSHAKE))?.status, path).to.equal(101);
      one.destroy();
    }
    expect(opened).to.equal(3);
  });

  it('opens a WebSocket behind a response that its client has over TLS', async function () {
    needsOpenssl(this);
    const folder = mkdtempSync(join(tmpdir(), 'multilane-upgrades-'));
    const { certFile, keyFile, ca } = makeCertificate(folder, 'upgrades');
    const secure = core.serverOf(world.app, { tls: { certFile, keyFile } });
    try {
      open.open();
      const secureUrl = `https://127.0.0.1:${await secure.listen(0, '127.0.0.1')}`;
      for (const path of ['/small', '/late', '/stream']) {
        const one = await Wire.open(secureUrl, ca);
        expect((await one.request('GET', path))?.status).to.equal(200);
        expect((await one.request('GET', '/socket', HANDSHAKE))?.status, path).to.equal(101);
        one.destroy();
      }
    } finally {
      secure.close();
      rmSync(folder, { recursive: true });
    }
  });

  it('opens a WebSocket in the packet of a small request', async () => {
    wire.write(get('/small') + SOCKET);
    for (const status of [200, 101]) expect((await wire.response())?.status).to.equal(status);
  });

  if (core.name === 'node')
    for (const [what, request, status] of [
      ['CONNECT', CONNECT, 501],
      ['a handshake', SOCKET, 426],
    ] as const) {
      for (const path of ['/late', '/stream']) {
        it(`waits behind an unfinished one, and is refused: ${what} behind ${path}`, async () => {
          wire.write(get(path) + request);
          await entered.opened;
          wire.pause();
          open.open();
          for (let turns = 0; turns < 20; turns++) await settled();
          wire.resume();
          const first = await wire.response();
          expect([first?.status, first?.body.equals(LARGE)]).to.deep.equal([200, true]);
          expect(await wire.response()).to.include({ status, closes: true });
          await wire.closed();
          expect(opened).to.equal(0);
        });
      }
    }
});
