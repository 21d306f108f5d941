import { Type } from '@sinclair/typebox';
import { expect } from 'chai';
import type { Application, RouteOptions } from '#src/server/handler.js';
import { bench } from './kit.js';

const handler = () => null;
const mounting = (fill: (app: Application) => void) => () => bench(fill);

describe('declaring routes', () => {
  it('lists them in order, with their templates', () => {
    const { app } = bench((demo) => {
      demo.get('/a/:id', { summary: 'A' }, handler);
      demo.group('/b', { internal: true }, (b) => {
        b.post('/', handler);
        b.group('/c', (c) => c.delete('/:d', { internal: false }, handler));
      });
    });
    const http = { service: 'demo', webSocket: false };
    expect(app.routes()).to.deep.equal([
      { ...http, method: 'GET', path: '/a/:id', template: '/a/{id}', options: { summary: 'A' } },
      { ...http, method: 'POST', path: '/b', template: '/b', options: { internal: true } },
      {
        ...http,
        method: 'DELETE',
        path: '/b/c/:d',
        template: '/b/c/{d}',
        options: { internal: false },
      },
    ]);
  });

  it('accepts a params schema that leaves the rest of a path and the names of groups to others', () => {
    const params = Type.Object({ id: Type.Integer() });
    const { app } = bench((demo) => {
      demo.group('/shops/:shop', (shops) => shops.get('/items/:id/*', { params }, handler));
      demo.get('/any/:id/:part', { params: Type.Object({}, { additionalProperties: true }) }, handler);
    });
    expect(app.routes()).to.have.lengthOf(2);
  });

  it('fails for a route that another service has, naming service and route', () => {
    const { app } = bench((demo) => demo.get('/a/:id', handler));
    expect(() => app.mount('other', (other) => other.get('/a/:x', handler))).to.throw(
      TypeError,
      'service other, route GET /a/:x: service demo has declared GET /a/:id already',
    );
  });

  for (const [what, fill, message] of [
    [
      'a fault that names the service already',
      () => {
        throw new TypeError('service demo: metric "a": no');
      },
      'service demo: metric "a": no',
    ],
    ['a bad pattern', (app) => app.get('a', handler), 'route GET a: bad route pattern "a"'],
    [
      'a path of a group without its "/"',
      (app) => app.group('/api', (api) => api.get('x', handler)),
      `service demo: GET x in group /api: the path must start with "/": write '/x'`,
    ],
    [
      'a WebSocket of a group without its "/"',
      (app) => app.group('/api', (api) => api.ws('x', {})),
      `service demo: GET x in group /api: the path must start with "/": write '/x'`,
    ],
    ['a parameter in braces', (app) => app.get('/u/{id}', handler), 'a parameter is written ":id"'],
    ['no handler', (app) => app.get('/a', {}, undefined as never), 'route GET /a has no handler'],
    [
      'options behind the handler',
      (app) => app.get('/a', (() => 1) as never, { rateLimit: '1/minute' } as never),
      'route GET /a has its options behind its handler',
    ],
    [
      'an unknown option',
      (app) => app.get('/a', { boddy: 1 } as RouteOptions, handler),
      'unknown option "boddy"',
    ],
    [
      'a body where none can be',
      (app) => app.get('/a', { body: Type.Any() }, handler),
      'cannot declare a body',
    ],
    ['a bad limit', (app) => app.post('/a', { bodyLimit: -1 }, handler), 'bodyLimit'],
    ['a bad time', (app) => app.post('/a', { timeoutMs: 0 }, handler), 'timeoutMs'],
    ['a bad choice', (app) => app.post('/a', { chunked: 'no' as 'reject' }, handler), 'chunked'],
    [
      'a parameter that the path lacks',
      (app) => app.get('/u/:id', { params: Type.Object({ idd: Type.Integer() }) } as RouteOptions, handler),
      'GET /u/:id: params: "idd" is not in the path; did you mean "id"?',
    ],
    [
      'an optional parameter that the path of a group lacks',
      (app) => {
        const params = Type.Object({ shop: Type.String(), item: Type.Optional(Type.Integer()) });
        app.group('/shops/:shop', (shops) => shops.get('/', { params } as RouteOptions, handler));
      },
      'GET /shops/:shop/: params: "item" is not in the path; add /:item to the path, or remove it',
    ],
    ['a query that is no object', (app) => app.get('/a', { query: Type.String() }, handler), 'query schema'],
    [
      'a schema for a whole group',
      (app) => app.group('/a', { query: Type.Object({}) } as never, () => {}),
      '"query" belongs to a route',
    ],
    [
      'a hook of a route that is none',
      (app) => app.get('/a', { preHandler: ['x'] as never }, handler),
      'preHandler must be a function',
    ],
    [
      'an unknown hook',
      (app) => app.hook('onSend' as 'onRequest', handler),
      'unknown hook "onSend"; known are onRequest, preHandler, onResponse, onError',
    ],
    ['a misspelt hook', (app) => app.hook('onRequset' as 'onRequest', handler), 'did you mean "onRequest"?'],
    ['a hook that is none', (app) => app.hook('onRequest', 5 as never), 'hook onRequest'],
    ['a bad prefix', (app) => app.group('a/', () => {}), 'group prefix "a/"'],
    [
      'a response that cannot be compiled',
      (app) => app.get('/a', { response: { 200: Type.Unsafe({ $ref: '#/nowhere' }) } }, handler),
      'response schema 200',
    ],
  ] as [string, (app: Application) => void, string][]) {
    it(`fails for ${what}, naming it`, () => {
      expect(mounting(fill)).to.throw(TypeError, message);
      expect(mounting(fill)).to.throw('service demo');
      expect(mounting(fill)).to.not.throw(/service demo.*service demo/);
    });
  }

  it('gives the options of a group to its routes, which may override them', () => {
    const { app } = bench((demo) => {
      demo.group('/a', { bodyLimit: 10, chunked: 'reject', timeoutMs: 5 }, (a) => {
        a.post('/b', { bodyLimit: 20, onRequest: handler }, handler);
      });
    });
    expect(app.routes()[0]?.options).to.deep.equal({ bodyLimit: 20, chunked: 'reject', timeoutMs: 5 });
  });

  it('declares all methods at once, except OPTIONS, which has a response of its own', async () => {
    const { app, inject } = bench((demo) => demo.all('/a', (ctx) => ctx.method));
    expect(app.routes().map(({ method }) => method)).to.deep.equal(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);
    expect((await inject({ method: 'PATCH', url: '/a' })).text()).to.equal('PATCH');
    expect((await inject({ method: 'OPTIONS', url: '/a' })).headers.allow).to.equal(
      'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
    );
  });

  it('is refused once `routes` of the service has returned', () => {
    let kept: Application | undefined;
    bench((demo) => {
      kept = demo;
    });
    expect(() => kept?.get('/late', handler)).to.throw(TypeError, 'while routes(app) runs');
    expect(() => kept?.hook('onRequest', handler)).to.throw(TypeError, 'while routes(app) runs');
  });

  it('refuses async functions, because their errors would be lost', () => {
    const fails: () => unknown = async () => {
      await Promise.resolve();
      throw new Error('late');
    };
    expect(() => bench(fails)).to.throw(
      TypeError,
      'routes(app) is async, or returns a promise: remove the word async, or',
    );
    expect(() => bench(fails)).to.throw('at the top level of an ES module such as multilane.config.mjs');
    expect(() => bench((demo) => demo.group('/inner', fails as never))).to.throw(
      TypeError,
      'group /inner is async',
    );
    // biome-ignore lint/suspicious/noThenProperty: what `await` takes for a promise
    const thenable: () => unknown = () => ({ then() {} });
    expect(() => bench(thenable)).to.throw(TypeError, 'routes(app) is async, or returns a promise');
  });

  it('refuses an async function with the place of its first declaration, even if that is wrong', () => {
    for (const declare of [
      (app: Application) => app.get('/a', handler),
      (app: Application) => app.mountNode('/a', 5 as never),
    ]) {
      const fill: (app: Application) => unknown = async function asyncRoutes(app) {
        declare(app);
      };
      expect(() => bench(fill))
        .to.throw(TypeError, 'routes(app) is async')
        .with.nested.property('cause.cause.stack')
        .that.includes('asyncRoutes');
    }
  });
});
