// Declarations in the style of Express, Fastify and Hono: each is refused while the process starts, with
// what to write instead.
import { createRequire } from 'node:module';
import { expect } from 'chai';
import fastify from 'fastify';
import { Hono } from 'hono';
import { defineService } from '#src/api/define-service.js';
import type { Application, FetchApplication } from '#src/server/handler.js';
import { bench } from './kit.js';

interface Express {
  (): FetchApplication;
  Router(): FetchApplication;
  json(): unknown;
}
/** The package has no types of its own. */
const express = createRequire(import.meta.url)('express') as Express;

const handler = (): string => '';
const expressHandler = ((_req: never, res: { send(text: string): void }) => res.send('hi')) as never;
async function middleware(_req: unknown, _res: unknown, next: () => void): Promise<void> {
  next();
}

type Loose = Application & Record<string, (...args: unknown[]) => unknown>;

describe('declarations in the style of another framework', () => {
  const cases: readonly (readonly [string, (app: Loose) => void, string])[] = [
    [
      'an Express application',
      (app) => app.mount('/x', express()),
      'mount /x: an Express application takes the request and response objects of Node.js',
    ],
    ['a router of Express', (app) => app.mount('/x', express.Router()), 'docs/from-express.md'],
    [
      'a function (req, res)',
      (app) => app.mount('/x', expressHandler),
      'mount /x: a function (req, res) takes the request and response objects of Node.js',
    ],
    [
      'a Fastify application',
      (app) => app.mount('/x', fastify() as unknown as FetchApplication),
      'an application of Fastify has no method fetch: write app.mountNode(prefix, application), which runs it as it is',
    ],
    [
      'an application of NestJS',
      (app) => app.mount('/x', { listen() {}, getHttpAdapter() {} } as unknown as FetchApplication),
      'an application of NestJS has no method fetch: write app.mountNode(prefix, app.getHttpAdapter().getInstance())',
    ],
    [
      'an application of Koa',
      (app) => app.mount('/x', { listen() {} } as unknown as FetchApplication),
      'an application that listens by itself has no method fetch',
    ],
    [
      'a handler of Express',
      (app) => app.get('/x', expressHandler),
      'route GET /x: its function takes (req, res)',
    ],
    [
      'a middleware as a hook',
      (app) => app.hook('onRequest', middleware as never),
      'hook onRequest: its function takes',
    ],
    [
      'a middleware as an option',
      (app) => void app.get('/x', { preHandler: [middleware as never] }, handler as never),
      'preHandler must be a function (ctx)',
    ],
    [
      'a middleware in front of a handler',
      (app) => app.get('/x', handler as never, handler as never),
      'what runs before its handler is the option onRequest or preHandler',
    ],
    [
      'the schema of Fastify',
      (app) => void app.get('/x', { schema: {} } as object, handler as never),
      'GET /x: unknown option "schema": params, query, headers, body and response are options of the route',
    ],
    [
      'app.use',
      (app) => app.use!(express.json()),
      "there is no app.use: a middleware is app.hook('onRequest'",
    ],
    ['app.listen', (app) => app.listen!(3000), 'the process listens by itself: set the port by defineConfig'],
    [
      'app.register in a group',
      (app) => app.group('/a', (a) => void (a as Loose).register!(handler)),
      'app.register',
    ],
    ['app.setErrorHandler', (app) => app.setErrorHandler!(handler), "app.hook('onError'"],
  ];
  for (const [what, fill, message] of cases) {
    it(`are refused with what to write instead: ${what}`, () => {
      expect(() => bench((app) => fill(app as Loose))).to.throw(TypeError, message);
    });
  }

  it('are refused as the fetch of a service', () => {
    const service = { name: 'a', fetch: express() };
    expect(() => defineService(service)).to.throw('service "a": fetch: an Express application takes');
  });

  it('are told from applications and handlers of the fetch standard', () => {
    const app = new Hono();
    const respond = (request: Request, _env: unknown, _context?: unknown): Response =>
      new Response(request.url);
    bench((demo) => {
      demo.mount('/a', app as unknown as FetchApplication);
      demo.mount('/b', respond);
      demo.mount('/c', { fetch: respond });
      demo.mount('/d', app.fetch as unknown as FetchApplication);
      demo.hook('onResponse', (_ctx, status) => void status);
      demo.hook('onError', (_ctx, error) => void error);
    });
  });
});
