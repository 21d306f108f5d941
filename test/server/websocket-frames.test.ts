// The protocol of RFC 6455, frame by frame.
import { expect } from 'chai';
import type { HttpServer } from '#src/server/http-core.js';
import { closeFrame, frame, OPCODE, openRaw } from '#test/support/frames.js';
import { until } from '#test/support/until.js';
import type { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { type Bench, bench, latch } from './kit.js';

const { continuation, text, binary, close, ping, pong } = OPCODE;
const closeReply = (code: number, reason: string): string =>
  String.fromCharCode(0x88, 2 + reason.length, code >> 8, code & 0xff) + reason;
const hex = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('hex');

/**
 * Violations of the protocol: the connection is closed, and `close` gets this code. The core on node:http
 * sends it to the client as well.
 */
const broken: readonly (readonly [string, readonly Buffer[], number])[] = [
  ['an unknown opcode', [frame(3, 'x')], 1002],
  ['an unknown control opcode', [frame(11, 'x')], 1002],
  ['a reserved bit', [frame(text, 'x', { reserved: 2 })], 1002],
  ['compression that was not agreed on', [frame(text, 'x', { reserved: 4 })], 1002],
  ['a continuation of nothing', [frame(continuation, 'x')], 1002],
  ['a message within another', [frame(text, 'a', { final: false }), frame(text, 'b')], 1002],
  ['a ping of 126 bytes', [frame(ping, 'x'.repeat(126))], 1002],
  ['a ping in pieces', [frame(ping, 'x', { final: false })], 1002],
  ['a close in pieces', [frame(close, '', { final: false })], 1002],
  ['text that is no UTF-8', [frame(text, Buffer.from([0xff, 0xfe]))], 1007],
  [
    'text that is none over two frames',
    [frame(text, Buffer.from([0xc3]), { final: false }), frame(continuation, 'x')],
    1007,
  ],
  ['a surrogate in text', [frame(text, Buffer.from([0xed, 0xa0, 0x80]))], 1007],
  ['a message far too big', [frame(binary, Buffer.alloc(5_000))], 1009],
  [
    'one that announces more than there is memory',
    [Buffer.from('82ff7fffffffffffffff00000000', 'hex')],
    1009,
  ],
  [
    'pieces that add up to too much',
    [
      frame(text, 'x'.repeat(900), { final: false }),
      frame(continuation, 'x'.repeat(900), { final: false }),
      frame(continuation, 'x'.repeat(900)),
    ],
    1009,
  ],
];

/** Close frames, the reply of the server, and the code that `close` gets. */
type Goodbye = readonly [what: string, sent: Buffer, reply: string, code: number];
const goodbyes: readonly Goodbye[] = [
  ['1000', closeFrame(1000), '880203e8', 1000],
  ['4000 with a reason', closeFrame(4000, 'bye'), '88050fa0627965', 4000],
  ['4999', closeFrame(4999), '88021387', 4999],
  ['no code', frame(close, ''), '8800', 1005],
];
const NO_UTF_8 = closeFrame(1000, Buffer.from([0xff]));
const oddGoodbyes: Readonly<Record<'uws' | 'node', readonly Goodbye[]>> = {
  uws: [
    ['3000, which the core does not pass on', closeFrame(3000, 'bye'), '8800', 1005],
    ['1005, which is never sent', closeFrame(1005), '8800', 1005],
    ['999', closeFrame(999), '8800', 1005],
    ['2999', closeFrame(2999), '8800', 1005],
    ['5000', closeFrame(5000), '8800', 1005],
    ['a reason that is no UTF-8', NO_UTF_8, '8800', 1005],
  ],
  node: [
    ['3000 with a reason', closeFrame(3000, 'bye'), '88050bb8627965', 3000],
    ['1005, which is never sent', closeFrame(1005), '880203ea', 1002],
    ['999', closeFrame(999), '880203ea', 1002],
    ['2999', closeFrame(2999), '880203ea', 1002],
    ['5000', closeFrame(5000), '880203ea', 1002],
    ['half a code', frame(close, 'x'), '880203ea', 1002],
    ['a reason that is no UTF-8', NO_UTF_8, '880203ef', 1007],
  ],
};

onCores('frames of a WebSocket', (core) => {
  let world: Bench;
  let server: HttpServer;
  let url: string;
  let told: ReturnType<typeof latch<number>>;
  let messages: (string | Uint8Array)[];
  let wire: Wire;

  before(async () => {
    world = bench((app) => {
      app.ws('/raw', {
        maxPayload: 1000,
        message(ws, data, isBinary) {
          messages.push(data);
          ws.send(data, isBinary);
        },
        close: (_ws, code) => told.open(code),
      });
    });
    server = core.serverOf(world.app);
    url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  });
  beforeEach(async () => {
    told = latch<number>();
    messages = [];
    wire = await openRaw(url, '/raw');
  });
  afterEach(() => wire.destroy());
  after(() => server.close());

  const answered = (bytes: string): Promise<string> =>
    until(
      () => hex(wire.rest),
      (rest) => rest === bytes,
      5000,
    );

  for (const [what, frames, code] of broken) {
    it(`cuts the connection for ${what}: ${code}`, async () => {
      for (const one of frames) wire.write(one);
      expect(await told.opened).to.equal(code);
      await wire.closed();
      expect(messages).to.deep.equal([]);
      const reason = code === 1009 ? 'message too big' : '';
      expect(wire.rest).to.equal(core.name === 'uws' ? '' : closeReply(code, reason));
    });
  }

  for (const [what, goodbye, echo, code] of [...goodbyes, ...oddGoodbyes[core.name]]) {
    it(`answers a close frame with ${what}`, async () => {
      wire.write(goodbye);
      expect(await told.opened).to.equal(code);
      await wire.closed();
      expect(hex(wire.rest)).to.equal(echo);
    });
  }

  it('accepts a message byte by byte', async () => {
    for (const byte of frame(text, 'hello')) wire.write(Buffer.from([byte]));
    expect(await answered('810568656c6c6f')).to.equal('810568656c6c6f');
  });

  it('accepts a message in pieces, with a ping between them and a character that is split', async () => {
    const letter = Buffer.from('ü');
    wire.write(frame(text, letter.subarray(0, 1), { final: false }));
    wire.write(frame(ping, 'p'));
    wire.write(frame(continuation, letter.subarray(1), { final: false }));
    wire.write(frame(continuation, ''));
    expect(await answered('8a01708102c3bc')).to.equal('8a01708102c3bc');
    expect(messages).to.deep.equal(['ü']);
  });

  it('passes bytes that may be kept', async () => {
    wire.write(frame(binary, 'first'));
    wire.write(frame(binary, 'other'));
    await until(
      () => messages.length,
      (count) => count === 2,
    );
    expect(messages.map((bytes) => Buffer.from(bytes).toString())).to.deep.equal(['first', 'other']);
  });

  it('ignores an unsolicited pong', async () => {
    wire.write(frame(pong, 'x'));
    wire.write(frame(text, 'on'));
    expect(await answered('81026f6e')).to.equal('81026f6e');
  });

  it('sends and receives nothing after a close frame', async () => {
    wire.write(Buffer.concat([closeFrame(1000), frame(text, 'late')]));
    expect(await told.opened).to.equal(1000);
    await wire.closed();
    expect(messages).to.deep.equal([]);
  });

  it('reports a client that left without a close frame: 1006', async () => {
    wire.destroy();
    expect(await told.opened).to.equal(1006);
  });

  describe('in any number of fragments, with pings between them', () => {
    /** Sends a message of `bytes` bytes in fragments; it has an end only when `isWhole`. */
    const send = (bytes: number, fragments: number, isWhole: boolean, pings: boolean): void => {
      for (let n = 0; n < fragments; n++) {
        const size = Math.floor((bytes * (n + 1)) / fragments) - Math.floor((bytes * n) / fragments);
        const final = isWhole && n === fragments - 1;
        wire.write(frame(n === 0 ? text : continuation, 'x'.repeat(size), { final }));
        if (pings) wire.write(frame(ping, ''));
      }
    };
    const MOST = 1000;

    for (const fragments of [1, 2, 18, 300]) {
      for (const pings of [false, true]) {
        const how = `${fragments} fragments${pings ? ' and pings' : ''}`;

        it(`are a message of at most maxPayload: ${how}`, async () => {
          send(MOST, fragments, true, pings);
          await until(
            () => messages.length,
            (count) => count === 1,
          );
          expect(messages).to.deep.equal(['x'.repeat(MOST)]);
        });

        for (const bytes of [MOST + 1, 1.1 * MOST, 2 * MOST]) {
          it(`are refused with 1009 when they end with ${bytes} bytes: ${how}`, async () => {
            send(bytes, fragments, true, pings);
            expect(await told.opened).to.equal(1009);
            await wire.closed();
            expect(hex(wire.rest)).to.match(/881103f1[0-9a-f]{30}$/);
            expect(messages).to.deep.equal([]);
          });
        }

        const most = core.name === 'uws' ? 2 * MOST : MOST;
        it(`are cut above ${most} bytes, also when they never end: ${how}`, async () => {
          send(most, fragments, false, pings);
          wire.write(frame(ping, 'held'));
          await until(
            () => wire.rest,
            (rest) => rest.endsWith('held'),
          );
          wire.write(frame(continuation, 'x', { final: false }));
          expect(await told.opened).to.equal(1009);
          await wire.closed();
          expect(messages).to.deep.equal([]);
        });
      }
    }
  });

  it('never reads a frame that is not masked', async () => {
    // uWebSockets.js unmasks it all the same: the first four bytes are the mask, and the rest is missing.
    wire.write(frame(text, 'secret-secret', { masked: false }));
    wire.write(frame(text, 'on', { masked: false }));
    wire.write(closeFrame(1000));
    expect(await told.opened).to.be.oneOf([1002, 1007]);
    expect(messages).to.not.include('secret-secret');
  });
});
