import { expect } from 'chai';
import type { Logger } from 'pino';
import { bench } from './kit.js';

/** What a service may do to its logger. */
const CHANGES: Readonly<Record<string, (log: Logger) => void>> = {
  'binds fields': (log) => log.setBindings({ userId: 'alice' }),
  'sets the level': (log) => void Object.assign(log, { level: 'silent' }),
  'takes a method away': (log) =>
    void Object.assign(log, { error: undefined, warn: undefined, child: undefined }),
};

describe('the logger of a request context', () => {
  for (const [what, change] of Object.entries(CHANGES)) {
    it(`concerns its request alone when a handler ${what}`, async () => {
      const { inject, logs } = bench((app) => {
        app.get('/changes', (ctx) => {
          change(ctx.log);
          throw new Error('after the change');
        });
        app.get('/logs', (ctx) => ctx.log.error('logged as ever'));
      });
      expect((await inject({ url: '/changes' })).status).to.equal(500);
      expect((await inject({ url: '/logs' })).status).to.equal(204);
      expect(logs.map(({ msg }) => msg)).to.deep.equal(['a handler failed', 'logged as ever']);
      for (const line of logs) expect(line).to.not.have.property('userId');
    });
  }

  it('is one logger for the whole request', async () => {
    const { inject, logs } = bench((app) => {
      app.hook('onRequest', (ctx) => ctx.log.setBindings({ userId: 'alice' }));
      app.get('/', (ctx) => ctx.log.info('hello'));
    });
    await inject({ url: '/' });
    expect(logs[0]).to.include({ msg: 'hello', userId: 'alice' });
  });
});

describe('what logs and copies show of a request context', () => {
  const secret = 'hunter2hunter2';
  const request = {
    url: `/orders?page=1&token=${secret}`,
    headers: { cookie: `sid=${secret}`, authorization: `Basic ${secret}`, 'x-request-id': 'request-1' },
  };

  it('is method, path and request id in logs: alone, beside other fields and in errors', async () => {
    const { inject, logs } = bench((app) => {
      app.get('/orders', (ctx) => {
        ctx.log.info(ctx);
        ctx.log.info({ ctx }, 'beside');
        ctx.log.info('%j %o', ctx, ctx);
        throw Object.assign(new Error('with its context'), { ctx });
      });
    });
    await inject(request);
    expect(logs).to.have.length(4);
    const shown = { method: 'GET', path: '/orders', requestId: 'request-1' };
    expect(logs[0]).to.include(shown);
    expect(logs[1]!.ctx).to.deep.equal(shown);
    expect((logs[3]!.err as Record<string, unknown>).ctx).to.deep.equal(shown);
    expect(JSON.stringify(logs)).to.not.contain(secret);
  });

  it('is nothing in a copy, even while other requests are served', async () => {
    let serve = (): void => {};
    const served = new Promise<void>((resolve) => {
      serve = resolve;
    });
    const { inject } = bench((app) => {
      app.get('/waits', () => served);
      app.get('/orders', (ctx) => ({ copy: { ...ctx }, names: Reflect.ownKeys(ctx), json: { ctx } }));
    });
    const waiting = inject({ url: '/waits' });
    const { text } = await inject(request);
    serve();
    await waiting;
    expect(JSON.parse(text())).to.deep.equal({
      copy: {},
      names: [],
      json: { ctx: { method: 'GET', path: '/orders', requestId: 'request-1' } },
    });
  });
});
