// Bodies in many small pieces, and the limit above which they are an attack.
import { expect } from 'chai';
import type { HttpServer } from '#src/server/http-core.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { type Bench, bench, settled } from './kit.js';

const chunks = (count: number, piece = 'x'): string =>
  `${piece.length.toString(16)}\r\n${piece}\r\n`.repeat(count);
const head = (path: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`;
const END = '0\r\n\r\n';

onCores('a body in small pieces', (core) => {
  let world: Bench;
  let server: HttpServer;
  let url: string;
  const waiting: (() => void)[] = [];

  before(async () => {
    world = bench((app) => {
      app.post('/read', async (ctx) => String((await ctx.readBytes()).length));
      app.post('/streamed', async (ctx) => {
        let bytes = 0;
        for await (const piece of ctx.readStream()) bytes += piece.length;
        return String(bytes);
      });
      app.get(
        '/waiting',
        (ctx) =>
          new Promise<void>((resolve) => {
            waiting.push(resolve);
            ctx.signal.addEventListener('abort', () => resolve());
          }),
      );
      app.post('/ignored', () => new Promise(() => {}));
      app.post('/mirrored', (ctx) => ctx.stream(ctx.readStream()));
    });
    server = core.serverOf(world.app);
    url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  });
  after(() => server.close());

  // An attack of a client is not logged as an error.
  afterEach(() => expect(world.logs).to.deep.equal([]));

  const nothingHeld = async (): Promise<void> => {
    for (let turns = 0; turns < 20; turns++) await settled();
    expect([
      world.app.inFlight,
      server.unfinished,
      world.quotas.bodies.held,
      world.quotas.bodyBytes.held,
    ]).to.deep.equal([0, 0, 0, 0]);
  };

  for (const path of ['/read', '/streamed']) {
    it(`is accepted when they arrive over time, however small they are (${path})`, async () => {
      const wire = await Wire.open(url);
      const answer = wire.request('POST', path, ['Transfer-Encoding: chunked']);
      for (let n = 0; n < 12; n++) {
        wire.write(chunks(1000));
        await settled();
        await settled();
      }
      wire.write(END);
      const response = await answer;
      expect([response?.status, response?.body.toString()]).to.deep.equal([200, '12000']);
      wire.destroy();
      await nothingHeld();
    });

    it(`is refused with 400 and a close when one packet holds thousands (${path})`, async () => {
      const wire = await Wire.open(url);
      const answer = wire.request('POST', path, ['Transfer-Encoding: chunked']);
      wire.write(chunks(500_000) + END);
      const response = await answer;
      expect(response?.status).to.equal(400);
      expect(JSON.parse(response!.body.toString())).to.include({ code: 'MALFORMED_REQUEST' });
      expect(response?.closes).to.equal(true);
      await wire.closed();
      expect(world.observer.refusals.at(-1)).to.equal('malformed_request');
      await nothingHeld();
    });
  }

  it('is accepted when the pieces are not tiny, however many there are', async () => {
    const wire = await Wire.open(url);
    const answer = wire.request('POST', '/read', ['Transfer-Encoding: chunked']);
    // The end of a packet may cut a piece in two.
    wire.write(chunks(20_000, 'x'.repeat(17)) + END);
    expect((await answer)?.body.toString()).to.equal('340000');
    wire.destroy();
    await nothingHeld();
  });

  it('is not read when it waits behind another request', async () => {
    const wire = await Wire.open(url);
    wire.write(`GET /waiting HTTP/1.1\r\nHost: x\r\n\r\n${head('/read')}`);
    while (world.app.inFlight === 0 && !wire.ended) await settled();
    wire.write(chunks(500_000));
    if (core.name === 'node') {
      for (const over of waiting.splice(0)) over();
      expect((await wire.response())?.status).to.equal(204);
      expect(await wire.response()).to.include({ status: 400, closes: true });
      expect(world.observer.refusals.at(-1)).to.equal('malformed_request');
    }
    await wire.closed();
    await nothingHeld();
  });

  it('is refused even when the handler does not read it, and while the response is being sent', async () => {
    const ignored = await Wire.open(url);
    ignored.write(head('/ignored') + chunks(500_000));
    expect((await ignored.response())?.status).to.equal(400);
    await ignored.closed();
    const mirrored = await Wire.open(url);
    mirrored.write(head('/mirrored') + chunks(10));
    while (!mirrored.rest.includes('200 OK')) await settled();
    mirrored.write(chunks(500_000));
    await mirrored.closed();
    await nothingHeld();
  });
});
