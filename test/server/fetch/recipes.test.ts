// Applications of well-known packages, mounted as their own documents write them.
import { os } from '@orpc/server';
import { RPCHandler } from '@orpc/server/fetch';
import { initTRPC } from '@trpc/server';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { expect } from 'chai';
import { Elysia } from 'elysia';
import { H3, readBody } from 'h3';
import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { streamSSE } from 'hono/streaming';
import { AutoRouter, type IRequest } from 'itty-router';
import type { Context, FetchApplication } from '#src/server/handler.js';
import { type Bench, bench } from '../kit.js';

const JSON_FIELD = { 'content-type': 'application/json' };

function hono(): FetchApplication {
  const app = new Hono<{ Bindings: { requestId: string } }>();
  app.use(cors({ origin: 'http://friend.example' }));
  app.get('/hello/:name', (c) => c.json({ hello: c.req.param('name') }));
  app.post('/echo', async (c) => c.json({ got: await c.req.json<unknown>() }));
  app.get('/id', (c) => c.text(c.env.requestId));
  app.get('/events', (c) =>
    streamSSE(c, async (stream) => {
      for (const data of ['a', 'b']) await stream.writeSSE({ data });
    }),
  );
  app.post('/upload', async (c) => {
    const { file } = await c.req.parseBody();
    return c.text(file instanceof File ? `${file.name} ${await file.text()}` : 'none');
  });
  return app;
}

function h3(): FetchApplication {
  const app = new H3();
  app.get('/hello/:name', (event) => ({ hello: event.context.params!.name }));
  app.post('/echo', async (event) => ({ got: await readBody(event) }));
  return app;
}

function itty(): FetchApplication {
  const app = AutoRouter();
  app.get('/hello/:name', ({ params }: IRequest) => ({ hello: params.name }));
  app.post('/echo', async (request: IRequest) => ({ got: await request.json() }));
  return app;
}

function elysia(): FetchApplication {
  const app = new Elysia()
    .get('/hello/:name', ({ params }) => ({ hello: params.name }))
    .post('/echo', ({ body }) => ({ got: body }));
  return app;
}

describe('a mounted application of', () => {
  const problems = ({ logs }: Bench): unknown[] => logs.filter(({ level }) => Number(level) >= 50);

  for (const [name, make] of Object.entries({ Hono: hono, H3: h3, 'itty-router': itty, Elysia: elysia }))
    describe(name, () => {
      const world = bench((app) => app.mount('/app', make()));

      it('reads parameters of the path behind its prefix', async () => {
        const { status, text } = await world.inject({ url: '/app/hello/ann' });
        expect([status, JSON.parse(text())]).to.deep.equal([200, { hello: 'ann' }]);
      });

      it('reads a JSON body', async () => {
        const body = JSON.stringify({ a: ['ü'] });
        const { status, text } = await world.inject({
          method: 'POST',
          url: '/app/echo',
          headers: JSON_FIELD,
          body,
        });
        expect([status, JSON.parse(text())]).to.deep.equal([200, { got: { a: ['ü'] } }]);
      });

      it('responds 404 by itself', async () => {
        const { status, headers } = await world.inject({ url: '/app/nothing' });
        expect(status).to.equal(404);
        expect(headers['content-type']).to.not.equal('application/problem+json');
      });

      after(() => expect(problems(world)).to.deep.equal([]));
    });

  describe('Hono, with its middleware', () => {
    const { inject } = bench((app) => app.mount('/app', hono()));

    it('responds to preflights', async () => {
      const headers = { origin: 'http://friend.example', 'access-control-request-method': 'POST' };
      const response = await inject({ method: 'OPTIONS', url: '/app/echo', headers });
      expect(response.status).to.equal(204);
      expect(response.headers['access-control-allow-origin']).to.equal('http://friend.example');
    });

    it('has the context of the request as its bindings', async () => {
      const { text, headers } = await inject({ url: '/app/id' });
      expect(text()).to.equal(headers['x-request-id']);
    });

    it('streams events', async () => {
      const { text, headers } = await inject({ url: '/app/events' });
      expect(headers['content-type']).to.equal('text/event-stream');
      expect(text()).to.equal('data: a\n\ndata: b\n\n');
    });

    it('takes an upload', async () => {
      const body = [
        '--b\r\ncontent-disposition: form-data; name="file"; filename="x.txt"\r\n\r\nfile\r\n--b--\r\n',
      ].join('');
      const headers = { 'content-type': 'multipart/form-data; boundary=b' };
      expect((await inject({ method: 'POST', url: '/app/upload', headers, body })).text()).to.equal(
        'x.txt file',
      );
    });
  });

  it('Hono, whose error handler logs with the trace id of the request, or leaves the error to the runtime', async () => {
    const app = new Hono<{ Bindings: Context }>().get('/:how', () => {
      throw new Error('boom');
    });
    app.onError((err, c) => {
      if (c.req.path === '/left') throw err;
      c.env.log.error({ err }, 'it failed');
      return c.json({ requestId: c.env.requestId, traceId: c.env.traceId }, 500);
    });
    const { inject, logs } = bench((demo) => demo.mount('/app', app as unknown as FetchApplication));
    const logged = await inject({ url: '/app/logged' });
    const left = await inject({ url: '/app/left' });
    expect([logged.status, left.status, left.json().code]).to.deep.equal([500, 500, 'INTERNAL']);
    expect(logged.json().requestId).to.equal(logged.headers['x-request-id']);
    expect(logs).to.have.length(2);
    for (const [at, answer] of [logged, left].entries()) {
      expect(logs[at]?.trace_id).to.equal(answer.json().traceId);
      expect(logs[at]?.err).to.have.property('stack').that.includes('boom');
    }
  });

  it('tRPC, which has its endpoint as its prefix', async () => {
    const t = initTRPC.context<{ id: string }>().create();
    const router = t.router({
      id: t.procedure.query(({ ctx }) => ctx.id),
      add: t.procedure.input((raw: unknown) => raw).mutation(({ input }) => ({ got: input })),
    });
    const { inject } = bench((app) =>
      app.mount('/trpc', { stripPrefix: false }, (req, ctx) =>
        fetchRequestHandler({ endpoint: '/trpc', req, router, createContext: () => ({ id: ctx.requestId }) }),
      ),
    );
    const asked = await inject({ url: '/trpc/id' });
    expect(JSON.parse(asked.text())).to.deep.equal({ result: { data: asked.headers['x-request-id'] } });
    const added = await inject({ method: 'POST', url: '/trpc/add', headers: JSON_FIELD, body: '[1]' });
    expect(JSON.parse(added.text())).to.deep.equal({ result: { data: { got: [1] } } });
  });

  it('oRPC, which says whether it has found a procedure', async () => {
    const handler = new RPCHandler({ hello: os.handler(() => 'hello') });
    const { inject } = bench((app) =>
      app.mount('/rpc', async (request) => {
        const { matched, response } = await handler.handle(request, { context: {} });
        return matched ? response : new Response('nothing', { status: 404 });
      }),
    );
    const asked = await inject({ method: 'POST', url: '/rpc/hello', headers: JSON_FIELD, body: '{}' });
    expect([asked.status, JSON.parse(asked.text())]).to.deep.equal([200, { json: 'hello' }]);
    expect((await inject({ url: '/rpc/nothing' })).status).to.equal(404);
  });
});
