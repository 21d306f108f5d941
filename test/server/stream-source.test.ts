// The source of a streamed response is released, however the response ends.
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { expect } from 'chai';
import type { Context } from '#src/server/handler.js';
import type { HttpServer } from '#src/server/http-core.js';
import { shareSpent } from '#src/server/loop-share.js';
import { until } from '#test/support/until.js';
import { onCores } from './cores.js';
import { type Bench, bench, latch, ManualTicker } from './kit.js';
import { failing, iterator, readable, SOURCES, type Source, webStream } from './stream-sources.js';

onCores('the source of a streamed response', (core) => {
  let world: Bench;
  let server: HttpServer;
  let port: number;
  let handler: (ctx: Context) => unknown;
  const ticker = new ManualTicker();

  before(async () => {
    world = bench(
      (app) => {
        app.get('/', (ctx) => handler(ctx));
        app.get('/compressed', { compress: true }, (ctx) => handler(ctx));
      },
      { ticker, requestTimeoutMs: 1000, quotas: { streams: [1, 1] } },
    );
    server = core.serverOf(world.app, { settings: { streamIdleMs: 5000 } });
    port = await server.listen(0, '127.0.0.1');
  });
  after(() => server.close());

  const nothingHeld = async (what: string): Promise<void> => {
    const held = () => [
      world.app.inFlight,
      server.unfinished,
      world.quotas.streams.held,
      world.app.wheel.size,
    ];
    await until(held, (counts) => counts.every((count) => count === 0), 5000);
    expect(held(), what).to.deep.equal([0, 0, 0, 0]);
  };

  /** Sends a request and ignores its response. */
  async function client(method: string, path = '/'): Promise<ReturnType<typeof connect>> {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined).resume();
    await once(socket, 'connect');
    socket.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: br\r\n\r\n`);
    return socket;
  }

  /** The ways in which a source is not read to its end, with the behaviour of the handler and the client. */
  const ways: Readonly<Record<string, (source: Source, path: string) => Promise<void>>> = {
    'HEAD asks for no body': async ({ pieces }, path) => {
      handler = (ctx) => ctx.stream(pieces);
      (await client('HEAD', path)).destroy();
    },
    'the status has no body': async ({ pieces }, path) => {
      handler = (ctx) => ctx.status(204).stream(pieces);
      (await client('GET', path)).destroy();
    },
    'there was a response already': async ({ pieces }, path) => {
      handler = (ctx) => {
        ctx.text('first');
        return ctx.stream(pieces);
      };
      (await client('GET', path)).destroy();
    },
    'the content type is none': async ({ pieces }, path) => {
      handler = (ctx) => ctx.stream(pieces, 'a\r\nb');
      (await client('GET', path)).destroy();
    },
    'the deadline has passed': async ({ pieces }, path) => {
      const [entered, late] = [latch(), latch()];
      handler = async (ctx) => {
        entered.open();
        await late.opened;
        return ctx.stream(pieces);
      };
      const socket = await client('GET', path);
      await entered.opened;
      await until(
        () => world.app.wheel.size,
        (alarms) => alarms > 0,
      );
      ticker.advance(1100);
      late.open();
      socket.destroy();
    },
    'the client has left before': async ({ pieces }, path) => {
      const [entered, late] = [latch<Context>(), latch()];
      handler = async (ctx) => {
        entered.open(ctx);
        await late.opened;
        return ctx.stream(pieces);
      };
      const socket = await client('GET', path);
      const { signal } = await entered.opened;
      socket.destroy();
      await until(() => signal.aborted, Boolean);
      late.open();
    },
    'the client leaves in the middle of it': async ({ pieces }, path) => {
      const entered = latch();
      handler = (ctx) => {
        entered.open();
        return ctx.stream(pieces);
      };
      const socket = await client('GET', path);
      await entered.opened;
      socket.destroy();
    },
    'the client takes nothing': async ({ pieces }, path) => {
      const entered = latch();
      handler = (ctx) => {
        entered.open();
        return ctx.stream(pieces);
      };
      const socket = await client('GET', path);
      socket.pause();
      await entered.opened;
      socket.destroy();
    },
    'too many responses stream': async ({ pieces }, path) => {
      const held = latch();
      const first = readable();
      handler = (ctx) => {
        held.open();
        return ctx.stream(first.pieces);
      };
      const other = await client('GET');
      await held.opened;
      const { length } = world.refused;
      handler = (ctx) => ctx.stream(pieces);
      const socket = await client('GET', path);
      await until(
        () => world.refused.length,
        (now) => now > length,
      );
      for (const one of [socket, other]) one.destroy();
    },
    'the worker abandons it': async ({ pieces }, path) => {
      const entered = latch();
      handler = (ctx) => {
        entered.open();
        return ctx.stream(pieces);
      };
      const socket = await client('GET', path);
      await entered.opened;
      world.app.abandon(new Error('over') as never);
      socket.destroy();
    },
  };

  for (const [way, run] of Object.entries(ways)) {
    it(`is released when ${way}`, async () => {
      for (const [kind, make] of Object.entries(SOURCES)) {
        for (const path of ['/', '/compressed']) {
          const source = make();
          await run(source, path);
          await until(source.isReleased, Boolean, 5000);
          expect(source.isReleased(), `${kind} ${path}`).to.equal(true);
          await nothingHeld(`${kind} ${path}`);
        }
      }
    });
  }

  it('of events is released even if it is never read', async () => {
    const events = iterator();
    handler = (ctx) => ctx.sse(events.pieces as never);
    (await client('HEAD')).destroy();
    await until(events.isReleased, Boolean, 5000);
    expect(events.isReleased()).to.equal(true);
  });

  it('of events is released when its client leaves while it waits for one', async () => {
    for (const make of [readable, webStream, iterator, failing]) {
      for (const isFunction of [false, true]) {
        const { pieces, isReleased } = make();
        const entered = latch();
        handler = (ctx) => {
          entered.open();
          return ctx.sse(isFunction ? () => pieces as never : (pieces as never));
        };
        const socket = await client('GET');
        await once(socket, 'data');
        socket.destroy();
        await until(isReleased, Boolean, 5000);
        await nothingHeld(make.name);
      }
    }
  });

  it('that fails before it is first read is reported in the log', async () => {
    const failings: Readonly<Record<string, (ctx: Context, stream: Readable) => unknown>> = {
      '/': (ctx, stream) => ctx.stream(stream),
      '/compressed': (ctx, stream) => ctx.stream(stream, 'text/plain'),
      '/?events': (ctx, stream) => ctx.sse(stream),
    };
    for (const [path, respond] of Object.entries(failings)) {
      world.logs.length = 0;
      handler = (ctx) => {
        // Sources are read in the next turn when the sources of this turn have used up its share.
        void shareSpent();
        for (const end = performance.now() + 10; performance.now() < end; );
        const stream = new Readable({ read() {} });
        respond(ctx, stream);
        stream.destroy(new Error('the source failed'));
      };
      (await client('GET', path)).on('close', () => undefined);
      await until(() => world.logs.length, Boolean);
      await nothingHeld(path);
      expect(
        world.logs.map(({ msg }) => msg),
        path,
      ).to.deep.equal(['a streamed response failed']);
    }
  });

  it('is reported in the log when it cannot be opened and is not read', async () => {
    world.logs.length = 0;
    handler = (ctx) => ctx.stream(createReadStream('/there/is/no/such/file'));
    (await client('HEAD')).destroy();
    await until(() => world.logs.length, Boolean);
    const [line] = world.logs as { msg: string; err: { message: string } }[];
    expect([line?.msg, line?.err.message.slice(0, 6)]).to.deep.equal([
      'the source of a streamed response failed',
      'ENOENT',
    ]);
  });

  it('is reported once in the log when it fails', async () => {
    const failing: Readonly<Record<string, () => unknown>> = {
      'a web stream': () =>
        new ReadableStream({
          pull(controller) {
            controller.error(new Error('the source failed'));
          },
        }),
      'an iterator that cannot be ended either': () => {
        const fail = (error = new Error('the source failed')) => ({
          next: () => Promise.reject(error),
          return: () => Promise.reject(error),
        });
        return { [Symbol.asyncIterator]: () => fail() };
      },
      'a Node.js stream': () =>
        new Readable({
          read() {
            this.destroy(new Error('the source failed'));
          },
        }),
    };
    for (const [kind, make] of Object.entries(failing)) {
      world.logs.length = 0;
      handler = (ctx) => ctx.stream(make() as never);
      (await client('GET')).on('close', () => undefined);
      await until(() => world.logs.length, Boolean);
      await nothingHeld(kind);
      expect(
        world.logs.map(({ msg }) => msg),
        kind,
      ).to.deep.equal(['a streamed response failed']);
    }
  });
});
