import { Type } from '@sinclair/typebox';
import { expect } from 'chai';
import { HttpError } from '#src/errors.js';
import type { Context } from '#src/server/handler.js';
import { bench, ManualTicker, settled } from './kit.js';

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

  for (const [how, hook] of Object.entries({
    'at once': (ctx: Context): void => void ctx.status(401).text('no'),
    later: async (ctx: Context): Promise<void> => {
      await Promise.resolve();
      ctx.status(401).text('no');
    },
  })) {
    it(`that respond ${how} and return nothing let the handler run, and are one warning for each route`, async () => {
      let runs = 0;
      const { inject, logs } = bench((app) => {
        app.hook('onRequest', hook);
        for (const path of ['/a', '/b']) app.get(path, () => void runs++);
      });
      for (const url of ['/a', '/a', '/b']) expect((await inject({ url })).status).to.equal(401);
      await settled();
      expect(runs).to.equal(3);
      expect(logs.map(({ level, route }) => `${String(level)} ${String(route)}`)).to.deep.equal([
        '40 /a',
        '40 /b',
      ]);
      expect(logs[0]!.msg).to.contain('return the response');
    });
  }

  it('of a group apply to its routes only, and a value that they return is the response', async () => {
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

  it('of application, group and route run from the outside in, and for failures from the inside out', async () => {
    const order: string[] = [];
    const note = (what: string) => () => void order.push(what);
    const { inject } = bench((app) => {
      app.hook('onRequest', note('app'));
      app.hook('onError', note('app failed'));
      app.group('/g', { preHandler: note('group before'), onError: note('group failed') }, (group) => {
        group.hook('onRequest', note('group'));
        group.get(
          '/x',
          {
            onRequest: [note('route 1'), note('route 2')],
            preHandler: note('route before'),
            onError: note('route failed'),
            onResponse: note('answered'),
          },
          () => {
            throw new HttpError('NOT_FOUND', 'Nothing.');
          },
        );
        group.get('/y', note('handler'));
      });
    });
    expect((await inject({ url: '/g/x' })).status).to.equal(404);
    expect(order.splice(0)).to.deep.equal([
      'app',
      'group',
      'route 1',
      'route 2',
      'group before',
      'route before',
      'route failed',
      'group failed',
      'app failed',
      'answered',
    ]);
    await inject({ url: '/g/y' });
    expect(order).to.deep.equal(['app', 'group', 'group before', 'handler']);
  });

  it('for failures may be asynchronous, and the next one runs when they return nothing', async () => {
    const { inject, logs, app, observer } = bench((app) => {
      const onError = async (ctx: Context) => {
        await settled();
        if (ctx.path === '/throws') throw new Error('hook');
        return ctx.path === '/late' ? { late: true } : undefined;
      };
      app.hook('onError', () => 'outer');
      for (const path of ['/late', '/passes', '/throws']) {
        app.get(path, { onError }, () => {
          throw new HttpError('EMAIL_TAKEN', 'Taken.');
        });
      }
    });
    const answered = async (url: string) => {
      const { status, text } = await inject({ url });
      return [status, text()];
    };
    expect(await answered('/late')).to.deep.equal([409, '{"late":true}']);
    expect(await answered('/passes')).to.deep.equal([409, 'outer']);
    expect(await answered('/throws')).to.deep.equal([409, 'outer']);
    expect(logs.map(({ msg }) => msg)).to.deep.equal(['an onError hook failed']);
    await observer.ended(3);
    await settled();
    expect(app.inFlight).to.equal(0);
  });

  it('for failures that take too long are ended by the deadline', async () => {
    const ticker = new ManualTicker();
    const { inject, app } = bench(
      (demo) => {
        demo.get('/', { onError: () => new Promise(() => undefined) }, () => {
          throw new Error('no');
        });
      },
      { ticker, requestTimeoutMs: 100 },
    );
    const answer = inject({ url: '/' });
    ticker.advance(200);
    expect((await answer).status).to.equal(504);
    expect(app.inFlight).to.equal(0);
  });

  it('on a response that throw change nothing', async () => {
    const { inject, logs } = bench((app) => {
      app.hook('onResponse', () => {
        throw new Error('late');
      });
      app.hook('onResponse', async () => {
        throw new Error('later');
      });
      const thenable = {
        // biome-ignore lint/suspicious/noThenProperty: `await` takes it for a promise, like a query builder
        then: (_resolve: unknown, reject: (error: Error) => void) => reject(new Error('from a thenable')),
      };
      app.hook('onResponse', () => thenable as unknown as Promise<void>);
      app.get('/', () => 'ok');
    });
    expect((await inject({ url: '/' })).text()).to.equal('ok');
    for (let turns = 0; turns < 3; turns++) await settled();
    expect(logs.map(({ msg, err }) => [msg, (err as Error).message])).to.deep.equal([
      ['an onResponse hook failed', 'late'],
      ['an onResponse hook failed', 'later'],
      ['an onResponse hook failed', 'from a thenable'],
    ]);
  });

  it('and handlers that return the context are treated as returning nothing', async () => {
    const { inject } = bench((app) => {
      app.hook('onRequest', (ctx) => ctx.header('x-a', 'b'));
      app.hook('preHandler', async (ctx) => ctx.header('x-c', 'd'));
      app.get('/', (ctx) => ctx.status(202));
    });
    const { status, headers, text } = await inject({ url: '/' });
    expect([status, headers['x-a'], headers['x-c'], text()]).to.deep.equal([202, 'b', 'd', '']);
  });
});
