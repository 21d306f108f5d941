// A handler may begin to read, do something else, and await the body later. If the client has left by then,
// or has sent an invalid body, the rejection must not be reported as unhandled.
import { expect } from 'chai';
import type { HttpError } from '#src/errors.js';
import type { Context } from '#src/server/handler.js';
import type { HttpServer } from '#src/server/http-core.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { type Bench, bench, latch, settled } from './kit.js';

const FORM = 'application/x-www-form-urlencoded';
const PARTS = 'multipart/form-data; boundary=b';

const first = (iterable: AsyncIterable<unknown>): Promise<unknown> => iterable[Symbol.asyncIterator]().next();

/** Promises that handlers get, with the content type that they accept. */
const READING: Readonly<Record<string, readonly [type: string, (ctx: Context) => Promise<unknown>]>> = {
  readBytes: ['text/plain', (ctx) => ctx.readBytes()],
  readText: ['text/plain', (ctx) => ctx.readText()],
  readJson: ['application/json', (ctx) => ctx.readJson()],
  readForm: [FORM, (ctx) => ctx.readForm()],
  readParts: [PARTS, (ctx) => first(ctx.readParts())],
  readStream: ['text/plain', (ctx) => first(ctx.readStream())],
  'readStream of bytes that are read already': [
    'text/plain',
    (ctx) => {
      void ctx.readBytes();
      return first(ctx.readStream());
    },
  ],
};

/** Invalid bodies for these, as raw requests. */
const REFUSED: Readonly<Record<string, readonly [type: string, body: Buffer]>> = {
  readBytes: ['text/plain', Buffer.alloc(2000)],
  readText: ['text/plain', Buffer.of(0xff)],
  readJson: ['application/json', Buffer.from('{"a":')],
  readForm: ['application/json', Buffer.from('a=b')],
  readParts: [PARTS, Buffer.from('no parts at all')],
  readStream: ['text/plain', Buffer.alloc(2000)],
};

onCores('a promise of the body that is awaited later', (core) => {
  let world: Bench;
  let server: HttpServer;
  let url: string;
  let failedBy: ReturnType<typeof latch<void>>;
  let seen: ReturnType<typeof latch<unknown>>;
  const unhandled: unknown[] = [];
  const hear = (reason: unknown): void => void unhandled.push(reason);
  let others: NodeJS.UnhandledRejectionListener[] = [];

  before(async () => {
    others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', hear);
    world = bench((app) => {
      for (const [name, [, read]] of Object.entries(READING)) {
        app.post(`/${name.replaceAll(' ', '-')}`, { bodyLimit: 1000 }, async (ctx) => {
          const reading = read(ctx as Context);
          await failedBy.opened;
          // Node.js reports a rejection that nothing handles at the end of the turn.
          await settled();
          seen.open(await reading.catch((error: unknown) => error));
          return 'read';
        });
      }
      app.get('/file', async (ctx) => {
        const sending = ctx.file('.', 'there-is-none');
        // The promise rejects no earlier.
        await ctx.file('.', 'nor-is-there-this').catch(() => {});
        await settled();
        return sending;
      });
    });
    server = core.serverOf(world.app);
    url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  });
  after(() => {
    server.close();
    process.off('unhandledRejection', hear);
    for (const other of others) process.on('unhandledRejection', other);
  });
  beforeEach(() => {
    failedBy = latch();
    seen = latch<unknown>();
    unhandled.length = 0;
  });

  for (const [name, [type]] of Object.entries(READING)) {
    it(`is not reported as an unhandled rejection of ${name} when the client leaves`, async () => {
      const path = name.replaceAll(' ', '-');
      const wire = await Wire.open(url);
      wire.write(
        `POST /${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: 1000\r\n\r\n`,
      );
      while (world.app.inFlight === 0) await settled();
      await settled();
      const ended = world.observer.seen.length + 1;
      wire.destroy();
      await world.observer.ended(ended);
      await settled();
      failedBy.open();
      expect(((await seen.opened) as HttpError).code).to.equal('CLIENT_CLOSED');
      expect(unhandled).to.deep.equal([]);
      while (world.app.inFlight > 0) await settled();
    });
  }

  for (const [name, [type, body]] of Object.entries(REFUSED)) {
    it(`is not reported as an unhandled rejection of ${name} when the body is refused`, async () => {
      const wire = await Wire.open(url);
      // Without a length nothing is refused before it is read.
      wire.write(
        `POST /${name} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`,
      );
      wire.write(`${body.length.toString(16)}\r\n`);
      wire.write(body);
      wire.write('\r\n0\r\n\r\n');
      while (world.app.inFlight === 0) await settled();
      for (let turns = 0; turns < 20; turns++) await settled();
      failedBy.open();
      const { status } = (await seen.opened) as HttpError;
      expect(status).to.be.within(400, 415);
      expect(unhandled).to.deep.equal([]);
      wire.destroy();
    });
  }

  it('is not reported as one for a file that does not exist', async () => {
    expect((await world.inject({ url: '/file' })).status).to.equal(404);
    expect(unhandled).to.deep.equal([]);
  });
});
