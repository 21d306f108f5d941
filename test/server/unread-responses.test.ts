// Clients that send requests and read none of the responses. The core ends the whole process when a request
// callback leaves a response incomplete without an abort handler, and `end` does so when the socket takes no
// more.
import { expect } from 'chai';
import type { HttpServer } from '#src/server/http-core.js';
import { deafClient } from '#test/support/deaf-client.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { bench, settled } from './kit.js';

const get = (path: string, method = 'GET'): string => `${method} ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
/** More than the kernel takes of responses to a client on the same machine. */
const MOST_BYTES = 5_500_000;
const MOST_REQUESTS = 5000;

/** Requests by name, with the approximate length of the response. */
const KINDS: Readonly<Record<string, readonly [request: string, bytes: number]>> = {
  'small text': [get('/text/100'), 250],
  'text of a sixteenth of the buffer': [get('/text/830'), 980],
  'bytes of a quarter of it': [get('/bytes/3900'), 4050],
  'text as large as it': [get('/text/16300'), 16_450],
  'a document that echoes its request': [get(`/json/${'x'.repeat(800)}`), 1000],
  'a response to HEAD': [get('/text/830', 'HEAD'), 150],
  'a response without a body': [get('/none'), 120],
  'a redirect': [get('/redirect'), 150],
  'a problem document': [get(`/nowhere/${'x'.repeat(400)}`), 700],
  'a response to a body': [
    `POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 600\r\n\r\n${'b'.repeat(600)}`,
    750,
  ],
  'a stream': [get('/stream'), 20_000],
};

onCores('responses that are not read', (core) => {
  let server: HttpServer;
  let port: number;

  before(async () => {
    const { app } = bench((demo) => {
      demo.get('/text/:length', (ctx) => 't'.repeat(Number(ctx.params.length)));
      demo.get('/bytes/:length', (ctx) => new Uint8Array(Number(ctx.params.length)));
      demo.get('/json/:text', (ctx) => ({ text: ctx.params.text, ip: ctx.ip }));
      demo.get('/none', () => undefined);
      demo.get('/redirect', (ctx) => ctx.redirect('/elsewhere'));
      demo.post('/echo', (ctx) => ctx.readText());
      demo.get('/stream', (ctx) => ctx.stream(ReadableStream.from([new Uint8Array(20_000)])));
    });
    server = core.serverOf(app);
    port = await server.listen(0, '127.0.0.1');
  });
  after(() => server.close());

  /**
   * Sends packets of this many requests, one after the other, until the responses exceed by far what a socket
   * takes.
   */
  async function flood(requests: readonly string[], bytes: number, perPacket: number): Promise<void> {
    const socket = await deafClient(port, '');
    const packets = Math.ceil(Math.min(MOST_BYTES / bytes, MOST_REQUESTS) / perPacket);
    for (let n = 0; n < packets && !socket.destroyed; n++) {
      let packet = '';
      for (let i = 0; i < perPacket; i++) packet += requests[(n * perPacket + i) % requests.length]!;
      if (!socket.write(packet)) break; // the server reads no more
      await settled();
    }
    socket.destroy();
    while (server.connections > 0) await settled();
    const wire = await Wire.open(`http://127.0.0.1:${port}`);
    expect((await wire.request('GET', '/text/3'))?.body.toString()).to.equal('ttt');
    wire.destroy();
    while (server.connections > 0) await settled();
  }

  for (const [name, [request, bytes]] of Object.entries(KINDS)) {
    it(`do not harm other clients when they are ${name}`, async () => {
      for (const perPacket of [17]) await flood([request], bytes, perPacket);
    });
  }

  it('do not harm other clients, whatever their order is', async () => {
    const kinds = Object.values(KINDS).map(([request]) => request);
    const order = Array.from({ length: 97 }, (_, i) => kinds[(i * i + 3 * i) % kinds.length]!);
    for (const perPacket of [1, 7, 40]) await flood(order, 1500, perPacket);
  });
});
