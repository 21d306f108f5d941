// A route with a body schema: its handler runs in the callback that delivers the end of the body, whatever
// the packets are, and what goes wrong on the way is the failure of its request alone.
import { Type } from '@sinclair/typebox';
import { expect } from 'chai';
import { HttpError } from '#src/errors.js';
import { currentScope } from '#src/scope.js';
import type { Application } from '#src/server/handler.js';
import type { HttpServer } from '#src/server/http-core.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { type Bench, bench, settled } from './kit.js';

const BODY = { body: Type.Object({ n: Type.Integer() }) };

type Context = Parameters<Extract<Parameters<Application['get']>[1], (ctx: never) => unknown>>[0];

/** When a reader begins that nothing waits for. */
const TIMES = {
  microtask: () => Promise.resolve(),
  turn: settled,
  turns: async () => {
    for (let n = 0; n < 12; n++) await settled();
  },
} as const;
/** How it reads the body; the result is its text. */
const READERS = {
  text: (ctx: Context) => ctx.readText(),
  bytes: async (ctx: Context) => Buffer.from(await ctx.readBytes()).toString(),
  json: async (ctx: Context) => JSON.stringify(await ctx.readJson()),
  stream: async (ctx: Context) => {
    let text = '';
    for await (const piece of ctx.readStream()) text += Buffer.from(piece).toString();
    return text;
  },
} as const;

onCores('a route with a body schema', (core) => {
  let world: Bench;
  let server: HttpServer;
  let url: string;
  let seen: unknown[];
  /** Called when a request that its client has left is over. */
  let left: (what: unknown) => void;

  function routes(app: Application): void {
    app.post('/scope', BODY, async (ctx) => {
      const ids = [currentScope()?.requestId];
      await settled();
      return [...ids, currentScope()?.requestId, ctx.requestId, ctx.body.n];
    });
    app.post('/throws', BODY, () => {
      throw new HttpError('EMAIL_TAKEN', 'no');
    });
    app.post('/fails', BODY, () => {
      throw new Error('no');
    });
    const read = {
      ...BODY,
      onRequest: async (ctx: { readText(): Promise<string> }) => void (await ctx.readText()),
    };
    app.post('/read-before', read, (ctx) => ctx.body.n);
    const reading = { ...BODY, onRequest: (ctx: { readText(): Promise<string> }) => void ctx.readText() };
    app.post('/being-read', reading, (ctx) => ctx.body.n);
    app.post('/read-again', BODY, async (ctx) => [ctx.body.n, await ctx.readText(), await ctx.readJson()]);
    app.post('/hooks', { ...BODY, preHandler: [() => void seen.push('hook'), () => undefined] }, (ctx) => {
      seen.push(ctx.body.n);
      return 'done';
    });
    app.post('/ended', { ...BODY, preHandler: () => 'by the hook' }, () => 'by the handler');
    const observed = {
      ...BODY,
      onError: () => void seen.push('error'),
      onResponse: (_ctx: unknown, status: number) => left(status),
    };
    app.post('/left', observed, () => 'never');
    for (const [when, wait] of Object.entries(TIMES)) {
      for (const [how, read] of Object.entries(READERS)) {
        const readLater = (ctx: Context): void => {
          // Nothing awaits it, as in a hook that writes an audit log.
          void wait().then(async () => seen.push(await read(ctx).catch(String)));
        };
        app.post(`/hook/${when}/${how}`, { ...BODY, onRequest: readLater }, (ctx) => ctx.body.n);
        app.post(`/before/${when}/${how}`, { ...BODY, preHandler: readLater }, (ctx) => ctx.body.n);
        app.post(`/handler/${when}/${how}`, BODY, (ctx) => {
          readLater(ctx as never);
          return ctx.body.n;
        });
        app.post(`/after/${when}/${how}`, { ...BODY, onResponse: readLater }, (ctx) => ctx.body.n);
      }
    }
    const slow = async (): Promise<void> => {
      for (let n = 0; n < 12; n++) await settled();
    };
    app.post('/slow-hook', { ...BODY, onRequest: slow }, (ctx) => {
      void slow().then(async () => seen.push(await ctx.readText().catch(String)));
      return ctx.body.n;
    });
    app.post('/streamed', BODY, async (ctx) => [
      await READERS.stream(ctx as never),
      await ctx.readText(),
      await READERS.stream(ctx as never),
    ]);
    const responding = (ctx: Context): void => {
      void Promise.resolve().then(() => void ctx.json('by the hook'));
    };
    const answering = (ctx: Context): void => {
      ctx.signal.addEventListener('abort', () => seen.push('aborted'));
      ctx.json('by the hook');
    };
    app.post('/answered', { ...BODY, onRequest: answering }, () => 'by the handler');
    app.post('/strange', BODY, () => {
      let asked = 0;
      const prototype = () => (asked++ === 0 ? Object.prototype : Promise.prototype);
      return new Proxy({ a: 1 }, { getPrototypeOf: prototype }) as object;
    });
    app.post('/responded', { ...BODY, timeoutMs: 20, onRequest: responding }, () => 'by the handler');
  }

  before(async () => {
    world = bench(routes);
    server = core.serverOf(world.app);
    url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  });
  after(() => server.close());
  beforeEach(() => {
    seen = [];
  });

  const head = (path: string, length: number | 'chunked', more = ''): string =>
    `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${more}${
      length === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`
    }\r\n\r\n`;

  /** Sends packets one by one, each when the server has read the one before. */
  async function sent(...packets: string[]): Promise<{ status: number; text: string }> {
    const wire = await Wire.open(url);
    for (const packet of packets) {
      wire.write(packet);
      await settled();
      await settled();
    }
    const { status, body } = (await wire.response())!;
    wire.destroy();
    return { status, text: body.toString() };
  }

  const splits: Readonly<Record<string, (path: string, body: string) => string[]>> = {
    'in one packet with its head': (path, body) => [head(path, body.length) + body],
    'behind its head': (path, body) => [head(path, body.length), body],
    'byte by byte': (path, body) => [head(path, body.length), ...body.split('')],
    'in chunks, in one packet': (path, body) => [
      `${head(path, 'chunked')}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    ],
    'in chunks': (path, body) => [
      `${head(path, 'chunked')}${body.length.toString(16)}\r\n${body}\r\n`,
      '0\r\n\r\n',
    ],
  };
  for (const [how, split] of Object.entries(splits)) {
    describe(`whose body arrives ${how}`, () => {
      const post = (path: string, body: string) => sent(...split(path, body));

      it('runs its hooks and its handler in order', async () => {
        expect((await post('/hooks', '{"n":7}')).text).to.equal('done');
        expect(seen).to.deep.equal(['hook', 7]);
        expect((await post('/ended', '{"n":7}')).text).to.equal('by the hook');
      });

      it('fails with what its handler throws, and with a body that does not match', async () => {
        expect((await post('/throws', '{"n":7}')).status).to.equal(409);
        expect((await post('/fails', '{"n":7}')).status).to.equal(500);
        expect((await post('/hooks', '{"n":"7"}')).status).to.equal(422);
        expect((await post('/hooks', '{"n"')).status).to.equal(400);
        expect(seen).to.deep.equal([]);
      });

      it('can be read before by a hook, and again by the handler', async () => {
        expect((await post('/read-before', '{"n":7}')).text).to.equal('7');
        expect((await post('/being-read', '{"n":7}')).text).to.equal('7');
        expect((await post('/read-again', '{"n":7}')).text).to.equal('[7,"{\\"n\\":7}",{"n":7}]');
      });

      for (const place of ['hook', 'before', 'handler', 'after']) {
        it(`can be read at any time by what was begun in: ${place}`, async () => {
          for (const when of Object.keys(TIMES)) {
            for (const how of Object.keys(READERS)) {
              seen = [];
              const path = `/${place}/${when}/${how}`;
              expect(await post(path, '{"n":7}'), path).to.deep.equal({ status: 200, text: '7' });
              while (seen.length === 0) await settled();
              expect(seen, path).to.deep.equal(['{"n":7}']);
            }
          }
        });
      }

      it('can be read after the response when it arrived during a hook', async () => {
        expect((await post('/slow-hook', '{"n":7}')).text).to.equal('7');
        while (seen.length === 0) await settled();
        expect(seen).to.deep.equal(['{"n":7}']);
      });

      it('can be read as a stream after its schema was checked, and as a text after that', async () => {
        expect(JSON.parse((await post('/streamed', '{"n":7}')).text)).to.deep.equal(
          Array.from({ length: 3 }, () => '{"n":7}'),
        );
      });

      it('is over when its time is, although a hook has responded while it waited', async () => {
        // On `node:http` a body that has arrived with its head overtakes the hook.
        const isFirst = core.name === 'uws' || how !== 'in one packet with its head';
        const expected = isFirst ? '"by the hook"' : 'by the handler';
        expect((await post('/responded', '{"n":7}')).text).to.equal(expected);
        const left = () => world.app.living().length + server.unfinished;
        expect(await until(left, (count) => count === 0)).to.equal(0);
      });

      it('is not aborted by a hook that responds before the body has arrived', async () => {
        const before = world.logs.length;
        expect((await post('/answered', '{"n":7}')).text).to.equal('"by the hook"');
        for (let n = 0; n < 3; n++) await settled();
        expect(seen).to.deep.equal([]);
        expect(world.logs.slice(before).filter(({ level }) => level === 50)).to.deep.equal([]);
      });

      it('ends, whatever a value that its handler returns answers', async () => {
        await post('/strange', '{"n":7}');
        expect(
          await until(
            () => world.app.living().length,
            (count) => count === 0,
          ),
        ).to.equal(0);
      });

      it('runs in the scope of its own request', async () => {
        const requests = Array.from({ length: 50 }, (_, n) => post('/scope', `{"n":${n}}`));
        for (const [n, { text }] of (await Promise.all(requests)).entries()) {
          const [sync, late, own, number] = JSON.parse(text) as unknown[];
          expect([sync, late, number]).to.deep.equal([own, own, n]);
        }
        expect(currentScope()).to.equal(undefined);
      });
    });
  }

  it('ends with 499 and without its error hooks when its client leaves', async () => {
    for (const packets of [[], ['{"n"']]) {
      const over = new Promise((resolve) => {
        left = resolve;
      });
      const wire = await Wire.open(url);
      wire.write(head('/left', 7) + packets.join(''));
      await settled();
      wire.destroy();
      expect(await over).to.equal(499);
      await settled();
      expect(seen).to.deep.equal([]);
    }
    expect([world.app.inFlight, server.unfinished]).to.deep.equal([0, 0]);
  });

  it('serves what is pipelined behind its body', async () => {
    const wire = await Wire.open(url);
    const body = '{"n":1}';
    wire.write((head('/hooks', body.length) + body).repeat(20));
    for (let n = 0; n < 20; n++) expect((await wire.response())!.body.toString()).to.equal('done');
    wire.destroy();
  });
});
