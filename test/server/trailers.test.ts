// Fields behind a chunked body. Those that are announced are refused. What is not announced is dropped on
// `node:http`. uWebSockets.js takes it for the next request and responds to it with a 505 of its own, before
// the response of the handler. So no client may get that 505 when a handler has received the whole body.
import { request } from 'node:http';
import { expect } from 'chai';
import type { HttpServer } from '#src/server/http-core.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { type Bench, bench, settled } from './kit.js';

const FOLLOWER = 'GET /evil HTTP/1.1\r\nHost: x\r\n\r\n';
const chunked = (method: string, path: string, ...fields: string[]): string =>
  [`${method} ${path} HTTP/1.1`, 'Host: x', 'Transfer-Encoding: chunked', ...fields, '', ''].join('\r\n');
const CHUNK = '3\r\nabc\r\n';
const TRAILERS = '0\r\nX-Checksum: b\r\n\r\n';

onCores('trailers behind a chunked body', (core) => {
  let world: Bench;
  let server: HttpServer;
  let url: string;
  let executed: string[];
  /** A handler waits for this promise when it has the whole body. */
  let gate: Promise<void>;

  before(async () => {
    world = bench((app) => {
      app.get('/evil', () => void executed.push('/evil'));
      app.get('/sync', () => void executed.push('/sync'));
      app.post('/sync', () => void executed.push('/sync'));
      app.post('/async', async () => {
        await gate;
        executed.push('/async');
        return 'async';
      });
      app.post('/whole', async (ctx) => {
        const body = await ctx.readText();
        executed.push('/whole');
        return body;
      });
      app.post('/late', async (ctx) => {
        const body = await ctx.readText();
        executed.push('/late');
        await gate;
        return body;
      });
      app.post('/endless', async (ctx) => {
        await ctx.readBytes();
        executed.push('/endless');
        ctx.signal.addEventListener('abort', () => executed.push('left'));
        return ctx.stream(firstOnly());
      });
      app.post('/pieces', async (ctx) => {
        for await (const _ of ctx.readStream());
        executed.push('/pieces');
        return 'pieces';
      });
    });
    server = core.serverOf(world.app);
    url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  });
  after(() => server.close());
  beforeEach(() => {
    executed = [];
    gate = Promise.resolve();
  });

  async function* firstOnly() {
    yield 'first';
    await new Promise(() => {});
  }

  const paths = ['/sync', '/async', '/whole', '/pieces', '/nowhere'];

  for (const method of ['GET', 'POST', 'HEAD']) {
    it(`that are announced are refused before anything is executed (${method})`, async () => {
      for (const path of paths) {
        const head = chunked(method, path, 'Trailer: X-Checksum');
        for (const packets of [[head + CHUNK + TRAILERS + FOLLOWER], [head, CHUNK, TRAILERS, FOLLOWER]]) {
          const wire = await Wire.open(url);
          const pending = method === 'HEAD' ? wire.closed() : wire.response();
          for (const packet of packets) {
            wire.write(packet);
            await settled();
          }
          const answer = await pending;
          if (method !== 'HEAD') {
            const { code } = JSON.parse(String(answer?.body)) as { code: string };
            expect([answer?.status, code, answer?.closes], path).to.deep.equal([
              411,
              'LENGTH_REQUIRED',
              true,
            ]);
          }
          await wire.closed();
          expect(executed, path).to.deep.equal([]);
        }
      }
      expect(server.unfinished).to.equal(0);
    });
  }

  it('that a client of node:http announces get a response with the reason', async () => {
    const status = await new Promise((resolve, reject) => {
      const outgoing = request(`${url}/whole`, { method: 'POST', headers: { trailer: 'x-checksum' } });
      outgoing.on('response', (response) => resolve(response.statusCode)).on('error', reject);
      outgoing.write('abc');
      outgoing.addTrailers({ 'x-checksum': '1' });
      outgoing.end();
    });
    expect([status, executed]).to.deep.equal([411, []]);
  });

  for (const path of ['/whole', '/pieces']) {
    it(`that arrive unannounced with the end of the body are dropped, or keep it from looking complete (${path})`, async () => {
      const head = chunked('POST', path);
      for (const packets of [[head + CHUNK + TRAILERS], [head, CHUNK, TRAILERS], [head + CHUNK, TRAILERS]]) {
        const wire = await Wire.open(url);
        for (const packet of packets) {
          wire.write(packet);
          await settled();
        }
        const isDropped = core.name === 'node';
        if (isDropped) expect((await wire.response())?.status).to.equal(200);
        await wire.closed();
        expect(executed).to.deep.equal(isDropped ? [path] : []);
        executed = [];
      }
    });
  }

  it('that are announced and missing keep the rest of their packet from being executed', async () => {
    const bytes = `${chunked('POST', '/whole', 'Trailer: X-Checksum')}${CHUNK}0\r\n\r\n${FOLLOWER}`;
    const wire = await Wire.open(url);
    wire.write(bytes);
    expect((await wire.response())?.status).to.equal(411);
    await wire.closed();
    expect(executed).to.deep.equal([]);
  });

  it('that arrive unannounced behind the end of the body do not overtake the response', async () => {
    for (const path of ['/late', '/whole', '/pieces']) {
      let open = (): void => undefined;
      gate = new Promise((resolve) => {
        open = resolve;
      });
      executed = [];
      const wire = await Wire.open(url);
      wire.write(`${chunked('POST', path)}${CHUNK}0\r\n`);
      // Without the empty line the body may have trailers, so on `node:http` it is not complete.
      while (core.name === 'uws' && executed.length === 0) await settled();
      wire.write(`X-Checksum: b\r\n\r\n${FOLLOWER}`);
      for (let turns = 0; turns < 5; turns++) await settled();
      open();
      expect((await wire.response())?.status, path).to.equal(200);
      await wire.closed();
      expect(executed).to.deep.equal([path]);
    }
  });

  it('that are missing do not keep a long response from ending when its client leaves', async () => {
    const wire = await Wire.open(url);
    wire.write(`${chunked('POST', '/endless')}${CHUNK}0\r\n\r\n`);
    while (!wire.rest.includes('first')) await settled();
    wire.destroy();
    while (server.unfinished > 0) await settled();
    expect(executed).to.deep.equal(['/endless', 'left']);
  });
});
