import { expect } from 'chai';
import type { HttpServer } from '#src/server/http-core.js';
import { deafClient } from '#test/support/deaf-client.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { type Bench, bench, settled } from './kit.js';

const LARGE = 6_000_000;
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

onCores('whole responses that are not read', (core) => {
  let world: Bench;
  let server: HttpServer;
  let port: number;
  let url: string;

  before(async () => {
    world = bench(
      (app) => {
        app.get('/text', () => 't'.repeat(LARGE));
        app.get('/json', async () => ({ text: 't'.repeat(LARGE) }));
        app.get('/bytes', (ctx) => ctx.bytes(new Uint8Array(LARGE)));
        app.get('/packed', { compress: true }, () => noise());
        app.get('/fails', () => {
          throw new TypeError('no response');
        });
        app.get('/small', () => 'small');
      },
      { quotas: { bodies: [100, 100], bodyBytes: [30_000_000, 15_000_000], streams: [100, 100] } },
    );
    server = core.serverOf(world.app);
    port = await server.listen(0, '127.0.0.1');
    url = `http://127.0.0.1:${port}`;
  });
  after(() => server.close());

  /**
   * Text that is `LARGE` when it is compressed. The system takes a response of 4 MB from the process as a
   * whole.
   */
  function noise(): string {
    let text = '';
    for (let seed = 1; text.length < 1.53 * LARGE; seed = (seed * 48_271) % 2_147_483_647)
      text += seed.toString(36);
    return text;
  }

  for (const path of ['/text', '/json', '/bytes', '/packed']) {
    it(`are bounded by the bytes of one address, and released when their clients leave: ${path}`, async () => {
      world.observer.seen.length = 0;
      const fields = 'Accept-Encoding: gzip\r\n\r\n';
      const clients = await Promise.all(
        Array.from({ length: 5 }, () => deafClient(port, get(path).replace(/\r\n$/, fields))),
      );
      await world.observer.ended(5);
      expect(world.quotas.bodyBytes.held).to.be.within(8_000_000, 15_000_000);
      const refused = world.observer.seen.filter(({ status }) => status === 503);
      expect(refused.length).to.be.within(2, 3);
      expect(refused[0]?.error).to.equal('OVERLOADED');

      const wire = await Wire.open(url);
      const answer = await wire.request('GET', '/text');
      expect(JSON.parse(answer!.body.toString())).to.include({ code: 'OVERLOADED', executed: true });
      expect((await wire.request('GET', '/small'))?.status).to.equal(200);
      expect((await wire.request('GET', '/fails'))?.status).to.equal(500);

      for (const client of clients) client.destroy();
      while (server.connections > 1) await settled();
      expect(world.quotas.bodyBytes.held).to.equal(0);
      expect((await wire.request('GET', '/text'))?.body.length).to.equal(LARGE);
      while (server.unfinished > 0) await settled();
      expect(world.quotas.bodyBytes.held).to.equal(0);
      wire.destroy();
      while (server.connections > 0) await settled();
    });
  }
});
