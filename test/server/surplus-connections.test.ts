// A worker that has more connections than its share closes some behind their responses. The gate is called
// once for each response that can close its connection without costing the client a request.
import { expect } from 'chai';
import type { HttpServer } from '#src/server/http-core.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { type Bench, bench, settled } from './kit.js';

const LARGE = 64 * 1024;
const POST = 'POST /effect HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n';

onCores('a connection beyond the share of its worker', (core) => {
  let world: Bench;
  let server: HttpServer;
  let url: string;
  /** The number of connections to close, and how often the gate was called. */
  let surplus: number;
  let asked: number;
  let executed = 0;

  async function* pieces() {
    yield 'a';
    await settled();
    yield 'b';
  }
  async function* events() {
    yield { event: 'tick', data: 1 };
    await new Promise(() => undefined);
  }

  before(async () => {
    world = bench((app) => {
      app.get('/small', () => 'here');
      app.get('/async', async () => {
        await settled();
        return 'here';
      });
      app.get('/nothing', () => undefined);
      app.post('/effect', () => ++executed);
      app.get('/throws', () => {
        throw new Error('thrown');
      });
      app.get('/some', () => 'x'.repeat(LARGE));
      app.get('/large', () => 'x'.repeat(LARGE + 1));
      app.get('/stream', (ctx) => ctx.stream(pieces()));
      app.get('/events', (ctx) => ctx.sse(events));
      app.post('/unread', { bodyLimit: 1e9 }, () => 'früh');
      app.post('/read', async (ctx) => ctx.readText());
      app.ws('/socket', {});
    });
    server = core.serverOf(world.app, {
      gate: {
        enter: () => true,
        leave() {},
        givesUp() {
          asked += 1;
          return surplus > 0 && surplus-- > 0;
        },
      },
    });
    url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  });
  after(() => server.close());
  beforeEach(() => {
    surplus = 0;
    asked = 0;
  });

  for (const [method, path, status] of [
    ['GET', '/small', 200],
    ['GET', '/async', 200],
    ['GET', '/some', 200],
    ['GET', '/throws', 500],
    ['GET', '/nowhere', 404],
    ['POST', '/read', 200],
  ] as const) {
    it(`is closed behind the whole response to ${method} ${path}, which announces it, and no other is`, async () => {
      const [wire, other] = [await Wire.open(url), await Wire.open(url)];
      const body = method === 'POST' ? 'sent' : '';
      const whole = await other.request(method, path, [], body);
      expect([whole?.status, whole?.closes, asked]).to.deep.equal([status, false, 1]);
      surplus = 1;
      const last = await wire.request(method, path, [], body);
      expect([last?.status, last?.closes, asked]).to.deep.equal([status, true, 2]);
      if (status === 200) expect(last?.body.equals(whole!.body)).to.equal(true);
      // The core on uWebSockets.js leaves it to the client to close behind a larger one.
      if (path !== '/some' || core.name === 'node') await wire.closed();
      expect((await other.request(method, path, [], body))?.closes).to.equal(false);
      for (const one of [wire, other]) one.destroy();
    });
  }

  for (const [method, path] of [
    ['HEAD', '/small'],
    ['GET', '/nothing'],
  ] as const) {
    it(`ends behind a response without a body: ${method} ${path}`, async () => {
      const wire = await Wire.open(url);
      surplus = 1;
      expect((await wire.request(method, path))?.closes).to.equal(true);
      // The core on uWebSockets.js leaves it to the client.
      expect((await wire.request(method, path))?.closes).to.equal({ uws: false, node: undefined }[core.name]);
      wire.destroy();
    });
  }

  for (const [method, path, body] of [
    ['GET', '/small', ''],
    ['GET', '/some', ''],
    ['GET', '/nothing', ''],
    ['POST', '/read', 'sent'],
  ] as const) {
    it(`executes nothing behind ${method} ${path} in the same packet without a response`, async () => {
      const wire = await Wire.open(url);
      surplus = 1;
      const [before, pipelined] = [executed, 3];
      const length = method === 'POST' ? `Content-Length: ${body.length}\r\n` : '';
      wire.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\n${length}\r\n${body}${POST.repeat(pipelined)}`);
      expect((await wire.response())?.closes).to.equal(true);
      const answered = { uws: pipelined, node: 0 }[core.name];
      for (let n = 0; n < answered; n++) expect((await wire.response())?.status).to.equal(200);
      if (answered === 0) await wire.closed();
      expect(executed - before).to.equal(answered);
      wire.destroy();
    });
  }

  for (const path of ['/large', '/stream', '/events']) {
    it(`stays where the response takes long: ${path}`, async () => {
      surplus = 1;
      const wire = await Wire.open(url);
      wire.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
      if (path === '/events') while (!wire.rest.includes('tick')) await settled();
      else expect((await wire.response())?.closes).to.equal(false);
      expect(asked).to.equal(0);
      wire.destroy();
    });
  }

  it('stays when it has become a WebSocket', async () => {
    surplus = 1;
    const wire = await Wire.open(url);
    const fields = ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13'];
    const answer = await wire.request('GET', '/socket', [
      ...fields,
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ]);
    expect([answer?.status, answer?.closes, asked]).to.deep.equal([101, false, 0]);
    wire.destroy();
  });

  it('is not one that closes anyway, by its client, for its unread body, or in a drain', async () => {
    surplus = 3;
    const wires = [await Wire.open(url), await Wire.open(url), await Wire.open(url)];
    expect((await wires[0]!.request('GET', '/small', ['Connection: close']))?.closes).to.equal(
      { uws: false, node: true }[core.name],
    );
    await wires[0]!.closed();
    wires[1]!.write('POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\nbegun');
    expect((await wires[1]!.response())?.closes).to.equal(true);
    world.world.draining = true;
    try {
      expect((await wires[2]!.request('GET', '/small'))?.closes).to.equal(true);
    } finally {
      world.world.draining = false;
    }
    expect(asked).to.equal(0);
    for (const wire of wires) wire.destroy();
  });

  it('is never closed for a call within the process', async () => {
    surplus = 1;
    expect((await world.inject({ method: 'GET', url: '/small' })).status).to.equal(200);
    expect(asked).to.equal(0);
  });
});
