// What a connection may send without a request that is served.
import { expect } from 'chai';
import type { HttpServer } from '#src/server/http-core.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { type Bench, bench, latch } from './kit.js';

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const LINES = '\r\n'.repeat(32 * 1024);

onCores('a connection', (core) => {
  let world: Bench;
  let server: HttpServer;
  let port: number;
  let wire: Wire;
  let entered: ReturnType<typeof latch<void>>;

  before(async () => {
    world = bench((app) => {
      app.get('/', () => 'ok');
      app.post('/', async (ctx) => `${(await ctx.readBytes()).length}`);
      app.all('/waits', () => {
        entered.open();
        return new Promise(() => undefined);
      });
    });
    server = core.serverOf(world.app);
    port = await server.listen(0, '127.0.0.1');
  });
  /**
   * Resolves when the connection is closed. The core node drops what follows, up to a bound, because it owes
   * its client a response.
   */
  async function closed(): Promise<void> {
    const pour = core.name === 'node' && setInterval(() => wire.write(GET.repeat(100_000)), 10);
    await wire.closed().finally(() => pour && clearInterval(pour));
  }
  beforeEach(async () => {
    entered = latch<void>();
    wire = await Wire.open(`http://127.0.0.1:${port}`);
  });
  afterEach(() => wire.destroy());
  after(() => server.close());

  it('that sends empty lines without end is closed', async () => {
    expect((await wire.request('GET', '/'))?.status).to.equal(200);
    const pour = setInterval(() => wire.write(LINES), 10);
    await wire.closed().finally(() => clearInterval(pour));
  });

  it('that pipelines thousands of requests behind one that waits is closed, and none of them is executed', async () => {
    const before = world.observer.begun;
    wire.write(`GET /waits HTTP/1.1\r\nHost: x\r\n\r\n${GET.repeat(2000)}`);
    await entered.opened;
    await closed();
    await world.observer.ended(world.observer.begun);
    expect(world.observer.begun - before).to.equal(1);
  });

  const LAST: Readonly<Record<string, string>> = {
    'a chunked one': 'POST /waits HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'one for another protocol': 'GET /waits HTTP/1.1\r\nHost: x\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
    'one with HTTP/1.0': 'GET /waits HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
  };
  for (const [what, first] of Object.entries(LAST)) {
    it(`that pipelines thousands of requests behind the last one is closed: ${what}`, async () => {
      const before = world.observer.begun;
      wire.write(first);
      const pour = setInterval(() => wire.write(GET.repeat(2000)), 10);
      await closed().finally(() => clearInterval(pour));
      expect(world.observer.begun - before).to.be.at.most(1);
    });
  }

  it('that pipelines large heads behind one that waits is closed', async () => {
    const large = `GET / HTTP/1.1\r\nHost: x\r\n${`X: ${'a'.repeat(1000)}\r\n`.repeat(12)}\r\n`;
    wire.write(`GET /waits HTTP/1.1\r\nHost: x\r\n\r\n${large.repeat(12)}`);
    await closed();
  });

  const BODY = 'b'.repeat(50_000);
  const BODIES = {
    'of known length': `Content-Length: ${BODY.length}\r\n\r\n${BODY}`,
    chunked: `Transfer-Encoding: chunked\r\n\r\n${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`,
  };
  for (const [what, body] of Object.entries(BODIES)) {
    for (const [which, first] of Object.entries({
      'a request that waits': 'GET /waits HTTP/1.1\r\nHost: x\r\n\r\n',
      'the last one': LAST['a chunked one']!,
    })) {
      it(`that pipelines bodies behind ${which} is closed: ${what}`, async () => {
        wire.write(first);
        await entered.opened;
        wire.write(`POST / HTTP/1.1\r\nHost: x\r\n${body}`.repeat(8));
        await closed();
      });
    }
  }

  it('that pipelines one large body behind a request is served', async () => {
    const body = 'b'.repeat(1_000_000);
    wire.write(`${GET}POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    for (const status of [200, 200]) expect((await wire.response())?.status).to.equal(status);
  });

  it('that sends its body without waiting for 100 Continue gets the response all the same', async () => {
    wire.write(
      'POST /nowhere HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3000000\r\n\r\n',
    );
    await world.observer.ended(world.observer.begun + 1);
    wire.write('x'.repeat(3_000_000));
    const first = await wire.response();
    // uWebSockets.js sends 100 by itself.
    const response = first?.status === 100 ? await wire.response() : first;
    expect(response).to.include({ status: 404, closes: true });
  });

  it('that asks for another protocol loses no request: it ends, or serves the next one', async () => {
    const upgrade = 'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n';
    wire.write(`${upgrade}${GET}`);
    expect(await wire.response()).to.include({ status: 200, closes: { uws: false, node: true }[core.name] });
    expect((await wire.response())?.status).to.equal({ uws: 200, node: undefined }[core.name]);
  });

  it('that waits for 100 Continue without a body stays open', async () => {
    expect((await wire.request('GET', '/', ['Expect: 100-continue']))?.closes).to.equal(false);
  });

  it('of another version of HTTP is refused', async () => {
    wire.write('GET / HTTP/2.0\r\nHost: x\r\n\r\n');
    expect((await wire.response())?.status).to.equal({ uws: 505, node: 400 }[core.name]);
    await wire.closed();
  });
});
