// What a WebSocket of the core on `node:http` does about clients that are silent, that do not end a
// connection, or that send messages in odd forms. The other core does this by itself, in native code.
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { expect } from 'chai';
import { NodeServer } from '#src/server/node/node-server.js';
import { LONG_TURN_MS } from '#src/server/turn-watch.js';
import { closeFrame, frame, HANDSHAKE, OPCODE, openRaw } from '#test/support/frames.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';
import { bench, latch, ManualTicker, settled } from '../kit.js';

const { continuation, text, binary, ping, pong } = OPCODE;
const COMPRESSED = 4;
const TAIL = Buffer.of(0, 0, 0xff, 0xff);
const PING = '\x89\x00';
const LARGE = 512 * 1024;

const closeReply = (code: number, reason = ''): string =>
  String.fromCharCode(0x88, 2 + reason.length, code >> 8, code & 0xff) + reason;

const deflated = (data: string | Uint8Array): Buffer =>
  deflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -TAIL.length);

describe('a WebSocket of the core on node:http', () => {
  const ticker = new ManualTicker();
  let server: NodeServer;
  let url: string;
  let closed: ReturnType<typeof latch<number>>;
  let messages: (string | Uint8Array)[];
  let asked: ReturnType<typeof latch<void>>;
  let agreed: ReturnType<typeof latch<void>>;
  const wires: Wire[] = [];

  before(async () => {
    const { app } = bench(
      (demo) => {
        const callbacks = {
          message: (_ws: unknown, data: string | Uint8Array) => void messages.push(data),
          close: (_ws: unknown, code: number) => closed.open(code),
        };
        demo.ws('/idle', { ...callbacks, idleTimeoutMs: 8000 });
        demo.ws('/patient', { ...callbacks, idleTimeoutMs: 60_000 });
        demo.ws('/small', { ...callbacks, maxPayload: 1000 });
        demo.ws('/large', { ...callbacks, maxPayload: LARGE });
        demo.ws('/deflate', {
          ...callbacks,
          perMessageDeflate: true,
          maxPayload: 10_000,
          message(ws, data, isBinary) {
            messages.push(data);
            ws.send(data, isBinary);
          },
        });
        demo.ws('/busy', {
          ...callbacks,
          message() {
            for (const since = performance.now(); performance.now() - since <= LONG_TURN_MS; );
          },
        });
        demo.ws('/later', {
          ...callbacks,
          async upgrade() {
            asked.open();
            await agreed.opened;
          },
        });
        demo.ws('/leaves', { ...callbacks, message: (ws) => ws.close(1000) });
      },
      { ticker },
    );
    server = new NodeServer(app, {
      settings: { maxHeaderBytes: 16_384, maxUrlBytes: 8192, streamIdleMs: 60_000 },
    });
    url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  });
  beforeEach(() => {
    closed = latch<number>();
    messages = [];
    asked = latch();
    agreed = latch();
  });
  afterEach(() => {
    for (const wire of wires.splice(0)) wire.destroy();
  });
  after(() => server.close());

  const open = async (path: string, extensions?: string): Promise<Wire> => {
    if (extensions === undefined) wires.push(await openRaw(url, path));
    else {
      const wire = await Wire.open(url);
      const response = await wire.request('GET', path, [...HANDSHAKE, extensions]);
      expect(response?.status).to.equal(101);
      wires.push(wire);
    }
    return wires.at(-1)!;
  };
  const deflating = (): Promise<Wire> => open('/deflate', 'Sec-WebSocket-Extensions: permessage-deflate');
  const received = (wire: Wire, bytes: string): Promise<string> =>
    until(
      () => wire.rest,
      (rest) => rest === bytes,
    );
  const gets = async (count: number): Promise<void> => {
    await until(
      () => messages.length,
      (length) => length === count,
    );
  };

  describe('whose client is silent', () => {
    it('is pinged 4 s before 8 s of silence, and then cut', async () => {
      const wire = await open('/idle');
      ticker.advance(3500);
      ticker.advance(500);
      await received(wire, PING);
      ticker.advance(4000);
      expect(wire.ended).to.equal(false);
      ticker.advance(1000);
      expect(await closed.opened).to.equal(1006);
      await wire.closed();
      expect(wire.rest).to.equal(PING);
    });

    it('is pinged 16 s before 60 s of silence', async () => {
      const wire = await open('/patient');
      ticker.advance(43_000);
      const other = await open('/idle');
      ticker.advance(1000);
      await received(wire, PING);
      expect(other.rest).to.equal('');
    });

    it('stays open while pongs come', async () => {
      const wire = await open('/idle');
      for (let n = 1; n <= 5; n++) {
        ticker.advance(4000);
        await received(wire, PING.repeat(n));
        wire.write(Buffer.concat([frame(pong, ''), frame(text, 'seen')]));
        await gets(n);
      }
    });

    it('is not cut because the event loop was stalled', async () => {
      const wire = await open('/idle');
      ticker.stall(60_000);
      wire.write(frame(text, 'late'));
      await gets(1);
      expect(wire.ended).to.equal(false);
    });
  });

  it('is cut when its client does not end the connection after the close frame', async () => {
    const wire = await open('/leaves');
    const before = server.connections;
    wire.pause();
    wire.write(frame(text, 'bye'));
    expect(await closed.opened).to.equal(1000);
    ticker.advance(4500);
    expect(server.connections).to.equal(before);
    ticker.advance(1000);
    await until(
      () => server.connections,
      (count) => count === before - 1,
    );
  });

  it('ends at once when its client replies to the close frame', async () => {
    const wire = await open('/leaves');
    wire.write(Buffer.concat([frame(text, 'bye'), closeFrame(1000)]));
    await wire.closed();
    expect(wire.rest).to.equal(closeReply(1000));
  });

  it('gets the messages that its client has sent before the response to the handshake', async () => {
    const wire = await Wire.open(url);
    wires.push(wire);
    const long = 'm'.repeat(10_000);
    const response = wire.request('GET', '/later', HANDSHAKE);
    wire.write(frame(text, 'one'));
    await asked.opened;
    for (let n = 0; n < 20; n++) wire.write(frame(text, long));
    agreed.open();
    expect((await response)?.status).to.equal(101);
    await gets(21);
    expect(messages).to.deep.equal(['one', ...Array.from({ length: 20 }, () => long)]);
  });

  for (const [name, opcode] of Object.entries({ pings: ping, pongs: pong }))
    it(`is closed when its client sends thousands of ${name} in a turn that has become long`, async () => {
      const wire = await open('/busy');
      const [one, last] = [frame(opcode, ''), frame(text, 'end')];
      const some = Array.from({ length: 200 }, () => one);
      wire.write(Buffer.concat([...some, frame(text, 'burn'), ...Array(10).fill(some).flat(), last]));
      expect(await closed.opened).to.equal(1008);
      await until(
        () => wire.rest,
        (rest) => rest.endsWith(closeReply(1008, 'too many messages at once')),
      );
    });

  it('refuses a message in more than 1024 fragments, empty ones as well', async () => {
    const wire = await open('/small');
    wire.write(frame(text, '', { final: false }));
    for (let n = 1; n < 1024; n++) wire.write(frame(continuation, '', { final: false }));
    wire.write(frame(ping, 'held'));
    await received(wire, '\x8a\x04held');
    wire.write(frame(continuation, ''));
    expect(await closed.opened).to.equal(1008);
    await wire.closed();
    expect(wire.rest).to.equal(`\x8a\x04held${closeReply(1008, 'too many parts of one message')}`);
  });

  it('puts a message together around any number of pings', async () => {
    const wire = await open('/small');
    const pings = Buffer.concat(Array.from({ length: 500 }, () => frame(pong, 'x'.repeat(125))));
    for (let n = 0; n < 10; n++) {
      wire.write(Buffer.concat([frame(n === 0 ? text : continuation, `${n}`, { final: false }), pings]));
    }
    wire.write(frame(continuation, 'end'));
    await gets(1);
    expect(messages).to.deep.equal(['0123456789end']);
  });

  it('gets a message of maxPayload bytes behind any number of pings', async () => {
    const wire = await open('/large');
    const pings = Buffer.concat(Array.from({ length: 8000 }, () => frame(ping, 'x'.repeat(125))));
    const message = Buffer.alloc(LARGE, 'm');
    for (let n = 1; n <= 2; n++) {
      for (let at = 0; at < pings.length; at += 60_000) {
        wire.write(pings.subarray(at, at + 60_000));
        await settled();
      }
      wire.write(frame(binary, message));
      await gets(n);
      expect(message.equals(messages.at(-1) as Uint8Array)).to.equal(true);
    }
  });

  it('gets a frame whose bytes arrive one by one', async () => {
    const wire = await open('/large');
    const message = 'm'.repeat(1500);
    for (const byte of Buffer.concat([frame(text, message), frame(ping, 'seen')])) {
      wire.write(Buffer.of(byte));
      await settled();
    }
    await received(wire, '\x8a\x04seen');
    expect(messages).to.deep.equal([message]);
  });

  it('keeps no more memory for bytes that a service keeps than they have', async () => {
    const wire = await open('/small');
    wire.write(Buffer.concat([frame(binary, 'kept'), ...Array(500).fill(frame(pong, 'x'.repeat(125)))]));
    await gets(1);
    const [bytes] = messages as [Uint8Array];
    expect(Buffer.from(bytes).toString()).to.equal('kept');
    expect(bytes.buffer.byteLength).to.be.at.most(2 * Buffer.poolSize);
  });

  describe('with permessage-deflate', () => {
    for (const [offer, agreed] of [
      ['permessage-deflate', true],
      ['permessage-deflate; client_max_window_bits', true],
      ['permessage-deflate; client_max_window_bits=10; server_no_context_takeover', true],
      ['permessage-deflate; server_max_window_bits=9, permessage-deflate', true],
      ['permessage-deflate; server_max_window_bits=9', false],
      ['permessage-deflate; unknown', false],
      ['permessage-deflate; server_max_window_bits=99', false],
      ['x-webkit-deflate-frame', false],
      [';;=', false],
    ] as const) {
      it(`${agreed ? 'agrees to' : 'opens without compression for'} the offer "${offer}"`, async () => {
        const wire = await Wire.open(url);
        wires.push(wire);
        const fields = [...HANDSHAKE, `Sec-WebSocket-Extensions: ${offer}`];
        const response = (await wire.request('GET', '/deflate', fields))!;
        expect(response.status).to.equal(101);
        const value = response.headers['sec-websocket-extensions'];
        if (agreed) {
          expect(value?.split('; ')).to.include.members([
            'permessage-deflate',
            'server_no_context_takeover',
            'client_no_context_takeover',
          ]);
        } else expect(value).to.equal(undefined);
      });
    }

    it('agrees to nothing where the route has no compression', async () => {
      const wire = await open('/small', 'Sec-WebSocket-Extensions: permessage-deflate');
      wire.write(frame(text, deflated('x'), { reserved: COMPRESSED }));
      expect(await closed.opened).to.equal(1002);
    });

    it('compresses from 1 KiB on, each message by itself', async () => {
      const wire = await deflating();
      wire.write(frame(text, 'a'.repeat(1023)));
      await received(wire, `\x81\x7e\x03\xff${'a'.repeat(1023)}`);
      for (let n = 0; n < 2; n++) wire.write(frame(binary, 'b'.repeat(1024)));
      await gets(3);
      await until(
        () => wire.rest.length,
        (length) => length > 1027 + 4,
      );
      const two = Buffer.from(wire.rest.slice(1027), 'latin1');
      const one = two.subarray(0, two.length / 2);
      expect(two).to.deep.equal(Buffer.concat([one, one]));
      expect(one[0]).to.equal(0xc2);
      const inflated = inflateRawSync(Buffer.concat([one.subarray(2), TAIL]), {
        finishFlush: constants.Z_SYNC_FLUSH,
      });
      expect(inflated.toString()).to.equal('b'.repeat(1024));
    });

    it('inflates messages in fragments with pings between them, in order', async () => {
      const wire = await deflating();
      const message = deflated('grüße '.repeat(50));
      wire.write(
        Buffer.concat([
          frame(text, message.subarray(0, 5), { final: false, reserved: COMPRESSED }),
          frame(ping, ''),
          frame(continuation, message.subarray(5, 6), { final: false }),
          frame(continuation, message.subarray(6)),
          frame(text, 'plain'),
          frame(text, deflated(''), { reserved: COMPRESSED }),
          frame(text, deflated('last'), { reserved: COMPRESSED }),
        ]),
      );
      await gets(4);
      expect(messages).to.deep.equal(['grüße '.repeat(50), 'plain', '', 'last']);
    });

    it('accepts a message that inflates to exactly maxPayload', async () => {
      const wire = await deflating();
      wire.write(frame(binary, deflated(Buffer.alloc(10_000)), { reserved: COMPRESSED }));
      await gets(1);
      expect(messages[0]).to.have.length(10_000);
    });

    for (const [what, sent, code, reason] of [
      ['inflates beyond maxPayload', deflated(Buffer.alloc(10_001)), 1009, 'message too big'],
      ['inflates far beyond it', deflated(Buffer.alloc(9_000_000)), 1009, 'message too big'],
      ['cannot be inflated', Buffer.from('ffffffff', 'hex'), 1007, ''],
      ['inflates to text that is no UTF-8', deflated(Buffer.of(0xff)), 1007, ''],
    ] as const) {
      it(`closes with ${code} for a message that ${what}`, async () => {
        const wire = await deflating();
        wire.write(frame(text, sent, { reserved: COMPRESSED }));
        expect(await closed.opened).to.equal(code);
        await wire.closed();
        expect(wire.rest).to.equal(closeReply(code, reason));
        expect(messages).to.deep.equal([]);
      });
    }
  });
});
