// What `app.mountNode` accepts, and what it says of the rest while the process starts.
import { createServer } from 'node:http';
import { expect } from 'chai';
import fastify from 'fastify';
import { Hono } from 'hono';
import type { Application, NodeHandler } from '#src/server/handler.js';
import { bench } from './kit.js';

const handler: NodeHandler = (_request, response) => response.end();

describe('app.mountNode', () => {
  const mistakes: readonly (readonly [string, (app: Application) => void])[] = [
    ['bad route pattern "a": it must start with', (app) => app.mountNode('a', handler)],
    ['mountNode /a/: the prefix must be static text', (app) => app.mountNode('/a/', handler)],
    ['mountNode /:a: the prefix must be static text', (app) => app.mountNode('/:a', handler)],
    ['mountNode has no prefix', (app) => app.mountNode(handler as never, undefined as never)],
    ['mountNode /a: its options are behind', (app) => app.mountNode('/a', handler as never, {} as never)],
    ['mountNode /a: its options are behind', (app) => app.mountNode('/a', fastify() as never, {} as never)],
    [
      'mountNode /a: unknown option "compress"',
      (app) => app.mountNode('/a', { compress: true } as never, handler),
    ],
    ['mountNode /a: it needs an application of Express', (app) => app.mountNode('/a', {} as never)],
    ['mountNode /a: its function takes one parameter', (app) => app.mountNode('/a', (_ctx) => 'x')],
    [
      'mountNode /a: it is one of NestJS: pass app.getHttpAdapter().getInstance()',
      (app) => app.mountNode('/a', { listen() {}, getHttpAdapter() {} } as never),
    ],
    [
      'mountNode /a: it is one of Next.js: pass app.getRequestHandler()',
      (app) => app.mountNode('/a', { getRequestHandler() {} } as never),
    ],
    [
      'mountNode /a: it is one of Koa: pass app.callback()',
      (app) => app.mountNode('/a', { callback() {}, listen() {} } as never),
    ],
    ['mountNode /a: it is a server', (app) => app.mountNode('/a', createServer() as never)],
    [
      'mountNode /a: it is an application of the fetch standard',
      (app) => app.mountNode('/a', new Hono() as never),
    ],
    [
      'mountNode /a: it has declared GET /a/* already',
      (app) => app.mountNode('/a', handler).mountNode('/a', handler),
    ],
  ];
  for (const [message, fill] of mistakes)
    it(`says: ${message}`, () => {
      expect(() => bench(fill)).to.throw(TypeError, message);
    });

  it('accepts an application of Fastify with its types', () => {
    bench((app) => app.mountNode('/a', fastify()));
  });

  it('is refused on uWebSockets.js, where it is declared', () => {
    const start = (): unknown => bench((app) => app.mountNode('/a', handler), { httpCore: 'uws' });
    const place = 'mount-node.test';
    expect(start).to.throw(TypeError, 'service demo, mountNode /a: it needs the HTTP core of Node.js');
    expect(start)
      .to.throw('HTTP_CORE=node')
      .with.property('cause')
      .that.has.property('stack')
      .that.includes(place);
  });

  it('is one route for each method, and can be switched off', () => {
    const { app } = bench((demo) => demo.mountNode('/a', handler));
    const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', '_OTHER'];
    expect(app.switchable().map(({ method }) => method)).to.deep.equal(methods);
  });
});
