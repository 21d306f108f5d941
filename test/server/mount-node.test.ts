// What `app.mountNode` accepts, and what it says of the rest while the process starts.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { expect } from 'chai';
import fastify from 'fastify';
import { Hono } from 'hono';
import type { Application, NodeHandler } from '#src/server/handler.js';
import { bench } from './kit.js';

interface Express extends NodeHandler {
  use(router: NodeHandler): Express;
}
interface ExpressModule {
  (): Express;
  Router(): NodeHandler;
  static(folder: string): NodeHandler;
}
/** The package has no types of its own. */
const express = createRequire(import.meta.url)('express') as ExpressModule;

const handler: NodeHandler = (_request, response) => response.end();

describe('app.mountNode', () => {
  const mistakes: readonly (readonly [string, (app: Application) => void])[] = [
    [`mountNode a: the prefix must start with "/": write '/a'`, (app) => app.mountNode('a', handler)],
    [
      `mountNode a: the prefix must start with "/": write '/a'`,
      (app) => app.group('/b', (group) => group.mountNode('a', handler)),
    ],
    [`mountNode a/: the prefix must start with "/": write '/a'`, (app) => app.mountNode('a/', handler)],
    ['mountNode /a/: the prefix must be static text', (app) => app.mountNode('/a/', handler)],
    [`and does not end with it: write '/a'`, (app) => app.mountNode('/a/', handler)],
    [`: write '/a', which serves all paths below it`, (app) => app.mountNode('/a/*', handler)],
    [
      `mountNode /b/a/: the prefix must be static text that starts with "/" and does not end with it: write '/a'`,
      (app) => app.group('/b', (group) => group.mountNode('/a/', handler)),
    ],
    ['mountNode /:a: the prefix must be static text', (app) => app.mountNode('/:a', handler)],
    [`: write '/', which serves all paths below it`, (app) => app.mountNode('/:a', handler)],
    [`: write '/a/b', which serves all paths below it`, (app) => app.mountNode('/a/b/:c/d/', handler)],
    [
      'mountNode /:a/b: the prefix must be static text',
      (app) => app.group('/:a', (group) => group.mountNode('/b', handler)),
    ],
    [
      'mountNode /:a/: the prefix must be static text',
      (app) => app.group('/:a', (group) => group.mountNode('/', handler)),
    ],
    [
      'its group /:a has a parameter, so declare it outside of that group',
      (app) => app.group('/:a', (group) => group.mountNode('/b', handler)),
    ],
    ['mountNode has no prefix', (app) => app.mountNode(handler as never, undefined as never)],
    ['mountNode /a: its options are behind', (app) => app.mountNode('/a', handler as never, {} as never)],
    ['mountNode /a: its options are behind', (app) => app.mountNode('/a', fastify() as never, {} as never)],
    [
      'mountNode /a: unknown option "compress": the application compresses its responses by itself',
      (app) => app.mountNode('/a', { compress: true } as never, handler),
    ],
    ['mountNode /a: it needs an application of Express', (app) => app.mountNode('/a', {} as never)],
    ['mountNode /a: its function takes one parameter', (app) => app.mountNode('/a', (_ctx) => 'x')],
    ['mountNode /a: its function takes no parameters', (app) => app.mountNode('/a', () => express())],
    ['mountNode /a: its function takes no parameters', (app) => app.mountNode('/a', async () => fastify())],
    ['mountNode /a: its function takes no parameters', (app) => app.mountNode('/a', express as never)],
    ['mountNode /a: its function takes one parameter', (app) => app.mountNode('/a', fastify as never)],
    ['mountNode /a: it is a promise', (app) => app.mountNode('/a', Promise.resolve(handler) as never)],
    ['await it at the top level of an ES module', (app) => app.mountNode('/a', Promise.resolve() as never)],
    ['mountNode /a: it is a promise', (app) => app.mountNode('/a', Promise.reject(new Error('x')) as never)],
    ['a router or a middleware (req, res, next)', (app) => app.mountNode('/a', express.Router())],
    ['a router or a middleware (req, res, next)', (app) => app.mountNode('/a', express.static('.'))],
    [
      'a router or a middleware (req, res, next)',
      (app) => app.mountNode('/a', (async (_req: never, _res: never, _next: never) => undefined) as never),
    ],
    [
      'did you mean its default or app?',
      (app) => app.mountNode('/a', { default: handler, app: handler } as never),
    ],
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
    [
      'mountNode /a: it is one of Polka: pass app.handler',
      (app) => app.mountNode('/a', { handler() {}, listen() {} } as never),
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

  const accepted: Readonly<Record<string, unknown>> = {
    'an application of Express': express(),
    'an application of Express around a router': express().use(express.Router()),
    'a function (req, res, options)': (_req: unknown, _res: unknown, _options: unknown) => undefined,
    'a function that is bound': (handler as (...given: unknown[]) => unknown).bind(null),
    'a bound function that takes a list': ((...given: unknown[]) => given).bind(null),
    'a function that takes a list': (...given: unknown[]) => given,
    'a function that takes the rest as a list': (_req: unknown, ...rest: unknown[]) => rest,
    'a function that reads `arguments`': function read() {
      // biome-ignore lint/complexity/noArguments: as compiled code does
      return arguments;
    },
  };
  for (const [what, application] of Object.entries(accepted))
    it(`accepts ${what}`, () => {
      bench((app) => app.mountNode('/a', application as NodeHandler));
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

  it('is refused there with the name of the file that chooses the core', () => {
    const start = (configFile: string) => () =>
      bench((app) => app.mountNode('/a', handler), { httpCore: 'uws', configFile });
    expect(start('/shop/other.config.mjs')).to.throw("write httpCore: 'node' in other.config.mjs");
    expect(start(undefined as never)).to.throw("write httpCore: 'node' in defineConfig({ … })");
  });

  it('is one route for each method, and can be switched off', () => {
    const { app } = bench((demo) => demo.mountNode('/a', handler));
    const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', '_OTHER'];
    expect(app.switchable().map(({ method }) => method)).to.deep.equal(methods);
  });
});
