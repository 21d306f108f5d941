// A route with a body schema: its handler runs in the callback that delivers the end of the body, whatever the
// packets are, and what goes wrong on the way is the failure of its request alone.
import { Type } from '@sinclair/typebox';
import { expect } from 'chai';
import { HttpError } from '#src/errors.js';
import { currentScope } from '#src/scope.js';
import type { Application } from '#src/server/handler.js';
import { UwsServer } from '#src/server/uws/uws-server.js';
import { Wire } from '#test/support/wire.js';
import { type Bench, bench, settled } from './kit.js';

const BODY = { body: Type.Object({ n: Type.Integer() }) };

describe('a route with a body schema', () => {
  let world: Bench;
  let server: UwsServer;
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
  }

  before(async () => {
    world = bench(routes);
    server = new UwsServer(world.app, {
      settings: { maxHeaderBytes: 1500, maxUrlBytes: 500, streamIdleMs: 60_000 },
    });
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
