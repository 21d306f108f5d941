// Routes without parameters are found by the core itself, the first of them at least. Over a socket every
// request reaches the same route as in memory, where the router alone decides.
import { expect } from 'chai';
import type { Application } from '#src/server/handler.js';
import type { HttpServer } from '#src/server/http-core.js';
import { STATIC_ROUTES } from '#src/server/uws/uws-server.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { type Bench, bench } from './kit.js';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
/** One more than the core is given, so that the router finds the last ones. */
const MANY = Array.from({ length: STATIC_ROUTES + 1 }, (_, n) => `/many/${n}`);
/** The core compares a hundred segments of a path. */
const LONG = [98, 99, 100, 101, 121].map((segments) => '/s'.repeat(segments));
const STATIC = ['/', '/a', '/a/', '/a/b', '/a/b/c', '/a%20b', '/a+b;c=d', '/x', ...LONG, ...MANY];
const PATTERNS = ['/a/:id', '/x/*', '/:any/b/:more', '/n/:number(\\d+)'];
/** Paths that resemble a route. */
const PATHS = [
  ...STATIC,
  ...['/A', '//', '//a', '/a//', '/a/b/', '/a/./b', '/a/../x', '/a/%62', '/%61', '/a%20B', '/a%2fb'],
  ...LONG.flatMap((path) => [`${path}/`, `${path}/s`, `${path}/t`, path.replace(/s$/, 't')]),
  ...['/x/', '/x/y/z', '/q/b/r', '/n/12', '/n/x', '/a;b', '/many', '/many/', '/many/00', '/nothing'],
];

onCores('routes over a socket', (core) => {
  let world: Bench;
  let server: HttpServer;
  let wire: Wire;

  before(async () => {
    world = bench((app) => {
      for (const pattern of [...PATTERNS, ...STATIC]) {
        // Each route has some of the methods, so that others of the same path are not served.
        for (const method of METHODS.filter((_, n) => (pattern.length + n) % 2 === 0))
          (app[method] as Application['get'])(pattern, (ctx) => [
            method,
            pattern,
            ctx.path,
            ctx.query.get('q'),
          ]);
      }
    });
    server = core.serverOf(world.app);
    wire = await Wire.open(`http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`);
  });
  after(() => {
    wire.destroy();
    server.close();
  });

  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    it(`are those of the router for ${method}`, async () => {
      for (const path of PATHS) {
        for (const url of [path, `${path}?q=1`]) {
          const inMemory = await world.inject({ method, url, headers: { 'content-length': '0' } });
          const { status, body } = (await wire.request(method, url, ['Content-Length: 0']))!;
          const text =
            inMemory.status === 200 && method !== 'HEAD' ? Buffer.from(inMemory.body).toString() : '';
          expect([url, status, status === 200 ? body.toString() : ''], url).to.deep.equal([
            url,
            inMemory.status,
            text,
          ]);
        }
      }
    });
  }

  it('are not found by a method in lower case', async () => {
    expect((await wire.request('get', '/a'))!.status).to.equal(501);
  });
});
