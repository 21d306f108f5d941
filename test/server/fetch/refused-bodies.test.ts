// Bodies that are refused, or whose client leaves, while a mounted application of a well-known package reads
// them with its default error handler. Clients cause such errors in any number, so none may be printed.
import { os } from '@orpc/server';
import { RPCHandler } from '@orpc/server/fetch';
import { initTRPC } from '@trpc/server';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { expect } from 'chai';
import { Elysia } from 'elysia';
import { H3, readBody } from 'h3';
import { Hono } from 'hono';
import { AutoRouter, type IRequest } from 'itty-router';
import { HttpError } from '#src/errors.js';
import { BODY_IDLE_MS } from '#src/server/body/body.js';
import { RefusedBody } from '#src/server/fetch/refused-body.js';
import type { FetchApplication } from '#src/server/handler.js';
import { type Answer, type Bench, bench, latch, ManualTicker, settled } from '../kit.js';

const LIMIT = 1000;

function trpc(): FetchApplication {
  const t = initTRPC.create();
  const router = t.router({ echo: t.procedure.input((raw: unknown) => raw).mutation(({ input }) => input) });
  return { fetch: (req) => fetchRequestHandler({ endpoint: '', req, router }) };
}

function orpc(): FetchApplication {
  const handler = new RPCHandler({ echo: os.handler(({ input }) => input) });
  return {
    async fetch(request) {
      const { matched, response } = await handler.handle(request, { context: {} });
      return matched ? response : new Response('nothing', { status: 404 });
    },
  };
}

const APPLICATIONS: Readonly<Record<string, () => FetchApplication>> = {
  Hono: () => new Hono().post('/echo', async (c) => c.json(await c.req.json<object>())),
  'Hono, as a form': () => new Hono().post('/echo', async (c) => c.json(await c.req.parseBody())),
  H3: () => new H3().post('/echo', async (event) => (await readBody(event)) as object),
  Elysia: () => new Elysia().post('/echo', ({ body }) => body),
  'Elysia, by its request': () =>
    new Elysia().post('/echo', async ({ request }) => await request.text(), { parse: 'none' }),
  'itty-router': () =>
    AutoRouter().post('/echo', async (request: IRequest) => (await request.json()) as object),
  tRPC: trpc,
  oRPC: orpc,
};

describe('a refused body of a mounted application of', () => {
  let printed: string[];
  const own = Object.getOwnPropertyDescriptors(console);
  const METHODS = ['error', 'warn', 'log', 'info', 'debug', 'trace'] as const;

  beforeEach(() => {
    printed = [];
    for (const method of METHODS)
      console[method] = (...args: unknown[]) => void printed.push(String(args[0]));
  });
  afterEach(() => {
    Object.defineProperties(console, own);
    expect(printed).to.deep.equal([]);
  });

  const FORM = 'application/x-www-form-urlencoded';

  for (const [name, make] of Object.entries(APPLICATIONS))
    describe(name, () => {
      let world: Bench;
      let ticker: ManualTicker;
      let begun: ReturnType<typeof latch<void>>;

      beforeEach(() => {
        ticker = new ManualTicker();
        begun = latch();
        world = bench((app) => app.mount('/app', { bodyLimit: LIMIT }, make()), { ticker });
      });

      /** Sends a body that begins, and ends never. */
      const send = (bytes: number, signal?: AbortSignal): Promise<Answer> => {
        async function* body(): AsyncGenerator<Uint8Array> {
          yield Buffer.from(`[${' '.repeat(bytes)}`);
          begun.open();
          await new Promise(() => {});
        }
        const type = name.endsWith('form') ? FORM : 'application/json';
        const headers = { 'content-type': type };
        return world.inject({
          method: 'POST',
          url: '/app/echo',
          headers,
          body: body(),
          ...(signal === undefined ? {} : { signal }),
        });
      };
      const shown = ({ status, headers, json }: Answer): unknown => [
        status,
        json().code,
        headers['content-type'],
      ];
      const PROBLEM = 'application/problem+json';

      it('is a 413 with its reason when it is too large', async () => {
        expect(shown(await send(LIMIT + 1))).to.deep.equal([413, 'BODY_TOO_LARGE', PROBLEM]);
      });

      it('is a 408 with its reason when no more of it arrives', async () => {
        const sent = send(1);
        await begun.opened;
        for (let turns = 0; turns < 5; turns++) await settled();
        ticker.advance(BODY_IDLE_MS);
        expect(shown(await sent)).to.deep.equal([408, 'BODY_TIMEOUT', PROBLEM]);
      });

      it('is nothing but a request that its client has left', async () => {
        const leaving = new AbortController();
        const sent = send(1, leaving.signal).catch((error: unknown) => error);
        await begun.opened;
        for (let turns = 0; turns < 5; turns++) await settled();
        leaving.abort(new Error('gone'));
        await sent;
        await world.observer.ended(1);
        expect(world.observer.seen.map(({ error }) => error)).to.deep.equal(['CLIENT_CLOSED']);
        for (let turns = 0; turns < 5; turns++) await settled();
      });

      afterEach(() => expect(world.logs.filter(({ level }) => Number(level) >= 40)).to.deep.equal([]));
    });
});

describe('the error of a refused body', () => {
  const request = { requestId: 'r1', traceId: 'f'.repeat(32) };
  const refused = (): RefusedBody =>
    new RefusedBody(
      new HttpError('OVERLOADED', 'Too many bodies.', { headers: { 'retry-after': '3' } }),
      request,
    );
  const DOCUMENT = {
    type: 'urn:multilane:problem:overloaded',
    title: 'Overloaded',
    status: 503,
    detail: 'Too many bodies.',
    instance: 'urn:multilane:request:r1',
    code: 'OVERLOADED',
    traceId: request.traceId,
    executed: true,
  };

  it('is the same HttpError', () => {
    expect(refused()).to.be.instanceOf(HttpError);
    expect(refused()).to.include({ code: 'OVERLOADED', status: 503, retryable: true });
    expect(refused().headers).to.deep.equal({ 'retry-after': '3' });
  });

  it('is a problem document where an error handler returns its response', async () => {
    for (const response of [refused().getResponse(), refused().toResponse()]) {
      expect(response.status).to.equal(503);
      expect(response.headers.get('retry-after')).to.equal('3');
      expect(response.headers.get('content-type')).to.equal('application/problem+json');
      expect(await response.json()).to.deep.equal(DOCUMENT);
    }
  });

  it('is a problem document for frameworks that write it as JSON', () => {
    expect(JSON.parse(JSON.stringify(refused()))).to.deep.equal(DOCUMENT);
  });
});
