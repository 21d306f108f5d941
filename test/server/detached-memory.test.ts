// Bytes whose memory the handler detaches while a slow client still reads them: the response must not look
// complete.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { expect } from 'chai';
import type { Context } from '#src/server/handler.js';
import type { HttpServer } from '#src/server/http-core.js';
import { deafClient } from '#test/support/deaf-client.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { type Bench, bench, latch, settled } from './kit.js';

const PAGE = 65_536;
const PAGES = 512;
const LENGTH = PAGES * PAGE;

// The types of Node.js do not declare it.
const { Memory } = (globalThis as never as { WebAssembly: WebAssemblyObject }).WebAssembly;
interface WebAssemblyObject {
  readonly Memory: new (pages: {
    initial: number;
    maximum: number;
  }) => { readonly buffer: ArrayBuffer; grow(pages: number): void };
}

interface Lent {
  readonly bytes: Uint8Array;
  takeAway(): void;
}

const LENDING: Readonly<Record<string, () => Lent>> = {
  'is transferred': () => {
    const buffer = new ArrayBuffer(LENGTH);
    return {
      bytes: new Uint8Array(buffer),
      takeAway: () => void structuredClone(buffer, { transfer: [buffer] }),
    };
  },
  shrinks: () => {
    const options = { maxByteLength: 2 * LENGTH };
    // The types of the oldest supported Node.js do not declare it.
    const Resizable = ArrayBuffer as unknown as new (
      length: number,
      most: typeof options,
    ) => ArrayBuffer & { resize(length: number): void };
    const buffer = new Resizable(LENGTH, options);
    return { bytes: new Uint8Array(buffer), takeAway: () => buffer.resize(10) };
  },
  'is that of a WebAssembly module, and grows': () => {
    const memory = new Memory({ initial: PAGES, maximum: 2 * PAGES });
    return { bytes: new Uint8Array(memory.buffer), takeAway: () => memory.grow(1) };
  },
};

const SENDING: Readonly<Record<string, (ctx: Context, bytes: Uint8Array) => unknown>> = {
  bytes: (_ctx, bytes) => bytes,
  stream: (ctx, bytes) =>
    ctx.stream(
      (async function* () {
        yield bytes;
        yield 'the end';
      })(),
    ),
  pieces: (ctx, bytes) =>
    ctx.stream(
      (async function* () {
        for (let at = 0; at < LENGTH; at += PAGE) yield bytes.subarray(at, at + PAGE);
        if (bytes.length === LENGTH) yield 'the end';
        else throw new Error('the source has noticed it');
      })(),
    ),
};

onCores('memory that is taken away while it is sent', (core) => {
  let world: Bench;
  let server: HttpServer;
  let port: number;
  let lent: Lent;
  let asked: ReturnType<typeof latch<void>>;

  before(async () => {
    world = bench((app) => {
      app.get('/small', () => 'small');
      for (const [name, send] of Object.entries(SENDING)) {
        const handler = (ctx: Context): unknown => {
          asked.open();
          return send(ctx, lent.bytes);
        };
        app.get(`/${name}`, handler as never);
        app.post(`/${name}`, handler as never);
      }
    });
    server = core.serverOf(world.app);
    port = await server.listen(0, '127.0.0.1');
  });
  after(() => server.close());
  beforeEach(() => {
    asked = latch();
    world.logs.length = 0;
  });

  const deaf = (bytes: string): Promise<Socket> => deafClient(port, bytes);

  async function restOf(socket: Socket): Promise<Buffer> {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => void chunks.push(chunk));
    socket.resume();
    await once(socket, 'close');
    return Buffer.concat(chunks);
  }

  for (const [way, lend] of Object.entries(LENDING)) {
    for (const name of Object.keys(SENDING)) {
      it(`cuts the connection when the memory of ${name} ${way}`, async () => {
        lent = lend();
        const socket = await deaf(`GET /${name} HTTP/1.1\r\nHost: x\r\n\r\n`);
        await asked.opened;
        await settled();
        lent.takeAway();
        const received = await restOf(socket);
        expect(received.toString('latin1', 0, 15)).to.equal('HTTP/1.1 200 OK');
        expect(received.length).to.be.lessThan(LENGTH);
        expect(received.toString('latin1').endsWith('\r\n0\r\n\r\n')).to.equal(false);
        expect(world.logs).to.have.length(1);
        expect([world.app.living().length, server.unfinished, world.app.wheel.size]).to.deep.equal([0, 0, 0]);
        const wire = await Wire.open(`http://127.0.0.1:${port}`);
        expect((await wire.request('GET', '/small'))?.status).to.equal(200);
        wire.destroy();
      });

      it(`sends no response that looks complete when the memory of ${name} ${way} before the first byte`, async () => {
        lent = lend();
        const socket = await deaf(
          `POST /${name} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
        );
        await asked.opened;
        // The bytes are on their way to the core, which takes them in the next turn of the loop.
        for (let microtasks = 0; microtasks < 20; microtasks++) await Promise.resolve();
        lent.takeAway();
        const received = (await restOf(socket)).toString('latin1');
        expect(received).to.not.match(/content-length: 0\r\n/i);
        expect(received.endsWith('\r\n0\r\n\r\n')).to.equal(false);
        expect(world.logs).to.have.length(1);
        expect([world.app.living().length, server.unfinished]).to.deep.equal([0, 0]);
      });
    }
  }
});
