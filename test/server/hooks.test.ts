import { Type } from '@sinclair/typebox';
import { expect } from 'chai';
import { HttpError } from '#src/errors.js';
import { bench } from './kit.js';

describe('hooks', () => {
  it('run in order, around validation, wherever they were declared', async () => {
    const order: string[] = [];
    const { inject } = bench((app) => {
      app.post('/', { body: Type.Object({ a: Type.Integer() }) }, (ctx) => {
        order.push('handler');
        return ctx.state;
      });
      app.hook('onRequest', (ctx) => {
        order.push(`onRequest ${typeof ctx.body}`);
        ctx.state.user = 'u';
      });
      app.hook('preHandler', async (ctx) => void order.push(`preHandler ${JSON.stringify(ctx.body)}`));
      app.hook('onResponse', (_ctx, status) => void order.push(`onResponse ${status}`));
    });
    const json = { 'content-type': 'application/json' };
    expect((await inject({ method: 'POST', url: '/', headers: json, body: '{"a":1}' })).text()).to.equal(
      '{"user":"u"}',
    );
    expect(order).to.deep.equal(['onRequest undefined', 'preHandler {"a":1}', 'handler', 'onResponse 200']);
  });

  it('of a group stay in it, and a value of theirs is the answer', async () => {
    const { inject } = bench((app) => {
      app.get('/open', () => 'open');
      app.group('/closed', (closed) => {
        closed.hook('onRequest', async (ctx) => {
          if (!ctx.headers.has('authorization')) throw new HttpError('UNAUTHORIZED', 'Who are you?');
          return ctx.headers.get('authorization') === 'cache' ? { cached: true } : undefined;
        });
        closed.get('/x', () => 'inside');
      });
    });
    const asked = async (authorization?: string) =>
      (await inject({ url: '/closed/x', headers: authorization ? { authorization } : {} })).text();
    expect((await inject({ url: '/open' })).text()).to.equal('open');
    expect(await asked()).to.include('UNAUTHORIZED');
    expect(await asked('cache')).to.equal('{"cached":true}');
    expect(await asked('me')).to.equal('inside');
  });

  it('on a response that fail change nothing', async () => {
    const { inject, logs } = bench((app) => {
      app.hook('onResponse', () => {
        throw new Error('late');
      });
      app.get('/', () => 'ok');
    });
    expect((await inject({ url: '/' })).text()).to.equal('ok');
    expect(logs.map(({ msg }) => msg)).to.deep.equal(['an onResponse hook failed']);
  });

  it('and handlers that return the context by accident return nothing', async () => {
    const { inject } = bench((app) => {
      app.hook('onRequest', (ctx) => ctx.header('x-a', 'b'));
      app.hook('preHandler', async (ctx) => ctx.header('x-c', 'd'));
      app.get('/', (ctx) => ctx.status(202));
    });
    const { status, headers, text } = await inject({ url: '/' });
    expect([status, headers['x-a'], headers['x-c'], text()]).to.deep.equal([202, 'b', 'd', '']);
  });
});
