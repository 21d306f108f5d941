// The bytes of field values, in both directions: they pass as they are, or the message is refused.
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { expect } from 'chai';
import { onCores } from '#test/server/cores.js';
import { newSeed, seeded } from '#test/support/random.js';
import { Wire } from '#test/support/wire.js';
import { endpoint } from '#test/upstream/endpoints.js';
import { RealUpstreams } from '#test/upstream/real-upstreams.js';
import { type GatewayBench, type GatewayBenchOptions, startGateway } from './kit.js';

/** Every byte alone, and what is special in UTF-8 or in JavaScript. */
const ALL = Array.from({ length: 256 }, (_, byte) => Buffer.of(byte));
const SPECIAL = [
  ...['é', 'ÿ', '\u0100', '\uffff', '\ufeff', '\ufeffx', '\ud83d\ude00', '\ud83c\udc80'].map((text) =>
    Buffer.from(text),
  ),
  ...['c080', 'c3', 'c3a9ff', 'eda080', 'edb280', 'f4908080', 'f09f98', 'efbfbd', 'efbbbfe9', 'e9efbbbf'].map(
    (hex) => Buffer.from(hex, 'hex'),
  ),
];
/** A control character ends a message, except for the tab (RFC 9110 section 5.5). */
const isControl = (byte: number): boolean => (byte < 0x20 && byte !== 0x09) || byte === 0x7f;
const NON_ASCII_END = /[\u0080-\uffff]+$/;
const hasControl = (value: Buffer): boolean => value.some(isControl);

onCores('the bytes of fields behind the gateway', (core) => {
  const upstreams = new RealUpstreams();
  let gateway: GatewayBench;
  let received: string[];
  let respond: (socket: Socket) => void;
  const seed = newSeed();
  const chance = seeded(seed);
  const random = (): Buffer => {
    const bytes = Array.from({ length: 1 + Math.floor(chance() * 6) }, () => Math.floor(chance() * 256));
    return Buffer.from(bytes.filter((byte) => !isControl(byte)));
  };
  const values = [...ALL, ...SPECIAL, ...Array.from({ length: 200 }, random)];
  const framed = (value: Buffer): Buffer => Buffer.concat([Buffer.from('<'), value, Buffer.from('>')]);

  before(async () => {
    const port = await upstreams.listen(
      createServer((socket) =>
        socket.on('data', (data) => {
          received.push(data.toString('latin1'));
          respond(socket);
        }),
      ),
    );
    gateway = await startGateway({ core, endpoints: [endpoint('far', { slot: 1, port })] });
  });
  after(async () => {
    await gateway.close();
    await upstreams.close();
  });
  beforeEach(() => {
    received = [];
  });

  it(`are those of the client, or the request is 400: SEED=${seed}`, async () => {
    respond = (socket) => void socket.write('HTTP/1.1 204 No Content\r\n\r\n');
    let wire = await Wire.open(gateway.url);
    // After a lone carriage return the core waits for more.
    for (const value of values.filter((bytes) => !bytes.includes('\r'))) {
      received = [];
      const field = Buffer.concat([Buffer.from('X-Value: '), framed(value)]);
      wire.write(
        Buffer.concat([
          Buffer.from('GET /svc/things/ HTTP/1.1\r\nHost: a\r\n'),
          field,
          Buffer.from('\r\n\r\n'),
        ]),
      );
      const status = (await wire.response())?.status;
      const what = value.toString('hex');
      // What is no UTF-8 is this character in the texts of uWebSockets.js, so a value with it is refused.
      const isLost = value.includes('\ufffd') || (core.name === 'uws' && !isUtf8(value));
      const passes = !hasControl(value) && !isLost;
      expect(status, what).to.equal(passes ? 204 : 400);
      expect(received.length, what).to.equal(passes ? 1 : 0);
      if (passes)
        expect(received[0], what).to.include(`\r\nx-value: ${framed(value).toString('latin1')}\r\n`);
      else {
        wire.destroy();
        wire = await Wire.open(gateway.url);
      }
    }
    wire.destroy();
  });

  it(`are those of the instance, or the response is 502: SEED=${seed}`, async () => {
    gateway.breaker.force(1, 'closed');
    const wire = await Wire.open(gateway.url);
    for (const value of values) {
      const field = Buffer.concat([Buffer.from('X-Value: '), framed(value)]);
      const [before, behind] = ['HTTP/1.1 200 OK\r\n', '\r\nContent-Length: 2\r\n\r\nok'].map((text) =>
        Buffer.from(text),
      );
      respond = (socket) => void socket.write(Buffer.concat([before!, field, behind!]));
      const response = await wire.request('POST', '/svc/things/');
      const what = value.toString('hex');
      expect(response?.status, what).to.equal(hasControl(value) ? 502 : 200);
      if (!hasControl(value))
        expect(response?.headers['x-value'], what).to.equal(framed(value).toString('latin1'));
    }
    wire.destroy();
  });

  // A limit of uWebSockets.js, which the documents name. When this fails, it has been mended.
  const end = { uws: 'are lost', node: 'are kept' }[core.name];
  it(`${end} where the value of a request ends with some outside of ASCII`, async () => {
    respond = (socket) => void socket.write('HTTP/1.1 204 No Content\r\n\r\n');
    const wire = await Wire.open(gateway.url);
    for (const value of ['Jos\u00e9', 'a\u00e9b\u00e9\u00fc', '\u00e9']) {
      received = [];
      const response = await wire.request('GET', '/svc/things/', [`X-Value: ${value}`]);
      expect(response?.status).to.equal(204);
      const text = { uws: value.replace(NON_ASCII_END, ''), node: value }[core.name];
      const kept = Buffer.from(text).toString('latin1');
      expect(received[0], value).to.include(`\r\nx-value: ${kept}\r\n`);
    }
    wire.destroy();
  });

  it('are none of a service of this process, which sets text', async () => {
    const routes: GatewayBenchOptions['routes'] = (app) =>
      app.get('/own', (ctx) => ctx.header('x-value', 'a\udc80').text(''));
    const own = await startGateway({ core, endpoints: [], routes });
    const wire = await Wire.open(own.url);
    const response = await wire.request('GET', '/own');
    expect(response?.headers['x-value']).to.equal(Buffer.from('a\ufffd').toString('latin1'));
    wire.destroy();
    await own.close();
  });

  it('are those of an instance that opens a WebSocket', async () => {
    respond = (socket) => {
      const key = /^sec-websocket-key: (.*)\r$/im.exec(received[0]!)![1]!;
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      const head = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}`;
      socket.write(`${head}\r\nX-Value: caf\xe9\r\n\r\n`, 'latin1');
    };
    const wire = await Wire.open(gateway.url);
    const fields = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
    const response = await wire.request('GET', '/svc/things/', [
      ...fields,
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ]);
    expect(response?.status).to.equal(101);
    expect(response?.headers['x-value']).to.equal('caf\xe9');
    wire.destroy();
  });
});
