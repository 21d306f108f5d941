// Rows of the table in docs/http.md that no other suite has: what each HTTP core makes of the same bytes.
import { expect } from 'chai';
import type { HttpServer } from '#src/server/http-core.js';
import { closeFrame, frame, HANDSHAKE, OPCODE, openRaw } from '#test/support/frames.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { type Bench, bench, latch } from './kit.js';

const HOST = 'Host: x\r\n';
const get = (path: string, ...fields: string[]): string =>
  `${[`GET ${path} HTTP/1.1`, 'Host: x', ...fields].join('\r\n')}\r\n\r\n`;
const withFields = (number: number): string =>
  get('/', ...Array.from({ length: number - 1 }, (_, n) => `x-${n}: y`));

/** A request, and the status of each core. */
const STATUSES: readonly (readonly [bytes: string, uws: number, node: number])[] = [
  [withFields(98), 200, 200],
  [withFields(99), 431, 431],
  [`OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, 505, 204],
  [`DESCRIBE /mounted HTTP/1.1\r\n${HOST}\r\n`, 200, 400],
  [`PRI /mounted HTTP/1.1\r\n${HOST}\r\n`, 200, 400],
  [`ABC /mounted HTTP/1.1\r\n${HOST}\r\n`, 200, 501],
  [`GET / RTSP/1.0\r\n${HOST}\r\n`, 505, 200],
  [`GET / RTSP/1.1\r\n${HOST}\r\n`, 505, 200],
  [`OPTIONS / RTSP/1.1\r\n${HOST}\r\n`, 505, 204],
  [`HEAD / RTSP/1.1\r\n${HOST}\r\n`, 505, 400],
  [`GET / ICE/1.1\r\n${HOST}\r\n`, 505, 400],
  [`DESCRIBE /mounted RTSP/1.0\r\n${HOST}\r\n`, 505, 200],
  [`SOURCE /mounted ICE/1.0\r\n${HOST}\r\n`, 505, 200],
];

onCores('the same bytes', (core) => {
  let world: Bench;
  let server: HttpServer;
  let url: string;
  let messages: string[];
  let second: ReturnType<typeof latch<void>>;
  let closed: ReturnType<typeof latch<number>>;

  before(async () => {
    world = bench((app) => {
      app.get('/', () => 'ok');
      app.post('/body', (ctx) => ctx.readText());
      app.mount('/mounted', ({ method }) => new Response(method));
      for (const [path, options] of [
        ['/plain', {}],
        ['/upgrade', { upgrade: () => ({}) }],
      ] as const) {
        app.ws(path, {
          ...options,
          message(_ws, data) {
            if (typeof data === 'string') messages.push(data);
            if (data === 'second') second.open();
          },
          close: (_ws, code) => closed.open(code),
        });
      }
    });
    server = core.serverOf(world.app);
    url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  });
  beforeEach(() => {
    messages = [];
    second = latch();
    closed = latch();
  });
  after(() => server.close());

  for (const [bytes, uws, node] of STATUSES) {
    const [line = ''] = bytes.split('\r\n');
    const fields = bytes.split('\r\n').length - 3;
    const status = { uws, node }[core.name];
    it(`have the status ${status} for ${line} with ${fields} ${fields === 1 ? 'field' : 'fields'}`, async () => {
      const wire = await Wire.open(url);
      wire.write(bytes);
      expect((await wire.response())?.status).to.equal(status);
      wire.destroy();
    });
  }

  it('are a whole body before a chunk without a length on uws, and none on node', async () => {
    for (const packets of [['3\r\nabc\r\n\r\nxyz\r\n0\r\n\r\n'], ['3\r\nabc\r\n', '\r\nxyz\r\n0\r\n\r\n']]) {
      const wire = await Wire.open(url);
      wire.write(`POST /body HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`);
      for (const packet of packets) wire.write(packet);
      const response = await wire.response();
      expect(response?.status).to.equal({ uws: 200, node: 400 }[core.name]);
      if (core.name === 'uws') expect(response?.body.toString()).to.equal('abc');
      await wire.closed();
    }
  });

  for (const path of ['/plain', '/upgrade']) {
    it(`lose a frame in the packet of the handshake of ${path} on uws alone`, async () => {
      const wire = await Wire.open(url);
      wire.write(Buffer.concat([Buffer.from(get(path, ...HANDSHAKE)), frame(OPCODE.text, 'first')]));
      expect((await wire.response())?.status).to.equal(101);
      wire.write(frame(OPCODE.text, 'second'));
      await second.opened;
      expect(messages).to.deep.equal({ uws: ['second'], node: ['first', 'second'] }[core.name]);
      wire.destroy();
    });
  }

  for (const [code, uws] of [
    [1012, 1005],
    [3500, 1005],
    [4001, 4001],
  ] as const) {
    const reported = { uws, node: code }[core.name];
    it(`report the close code ${code} as ${reported}`, async () => {
      const wire = await openRaw(url, '/plain');
      wire.write(closeFrame(code));
      expect(await closed.opened).to.equal(reported);
      wire.destroy();
    });
  }
});
