import { threadId } from 'node:worker_threads';
import { expect } from 'chai';
import { defineConfig, defineService } from '#src/index.js';
import { createTestApp, type TestApp } from '#src/testing.js';
import { demo, orders } from './fixtures/demo.js';

describe('a test app', () => {
  let app: TestApp;
  before(async () => {
    app = await createTestApp({ services: [demo, orders], settings: { maxBodyBytes: 50 } });
  });
  after(() => app.close());

  it('responds to a path as to a GET request, with status, fields, text, JSON and bytes', async () => {
    const response = await app.inject('/hello/ada%20b?q=1');
    expect(response.status).to.equal(200);
    expect(response.headers).to.include({ 'content-type': 'application/json', 'content-length': '27' });
    expect(response.json()).to.deep.equal({ hello: 'ada b', q: ['1'] });
    expect(response.text()).to.equal('{"hello":"ada b","q":["1"]}');
    expect(Buffer.from(response.bytes()).toString()).to.equal(response.text());
  });

  it('adds a query to that of the path', async () => {
    const query = { q: ['a b', undefined, 2], left: undefined };
    const response = await app.inject({ path: '/hello/ada?q=1', query });
    expect(response.json()).to.have.property('q').that.deep.equals(['1', 'a b', '2']);
  });

  it('sends JSON, and returns cookies line by line', async () => {
    const response = await app.inject({ method: 'POST', path: '/items', json: { name: 'pen', price: 3 } });
    expect(response.status, response.text()).to.equal(201);
    expect(response.headers).to.include({ 'x-price': '3' });
    expect(response.cookies.map((line) => line.split(';')[0])).to.deep.equal(['a=1', 'b=2']);
    expect(response.json()).to.deep.equal({ name: 'pen', price: 3 });
  });

  it('sends bytes as they are, up to the limit of the route', async () => {
    const raw = (body: Uint8Array) => app.inject({ method: 'POST', path: '/raw', body });
    expect([...(await raw(Uint8Array.of(0, 255, 7))).bytes()]).to.deep.equal([0, 255, 7]);
    expect((await raw(new Uint8Array(11))).json()).to.include({ status: 413, code: 'BODY_TOO_LARGE' });
  });

  it('refuses input that violates the schema, with the same problem document as the process', async () => {
    const response = await app.inject({ method: 'POST', path: '/items', json: { name: '', price: -1 } });
    expect(response.headers).to.include({ 'content-type': 'application/problem+json' });
    expect(response.json()).to.deep.include({ status: 422, code: 'VALIDATION_FAILED' });
    expect(response.json<{ errors: { path: string }[] }>().errors.map(({ path }) => path)).to.deep.equal([
      '/name',
      '/price',
    ]);
  });

  it('runs hooks, and passes the client address', async () => {
    expect((await app.inject('/guarded')).status).to.equal(401);
    const headers = { 'X-Key': 'k' };
    const response = await app.inject({ path: '/guarded', headers, remoteAddress: '203.0.113.7' });
    expect(response.text()).to.equal('203.0.113.7');
  });

  it('responds to unknown paths, other methods and HEAD as the process does', async () => {
    expect((await app.inject('/unknown')).json()).to.include({ status: 404, code: 'ROUTE_NOT_FOUND' });
    const put = await app.inject({ method: 'PUT', path: '/items' });
    expect(put.headers).to.include({ allow: 'POST, OPTIONS' });
    const head = await app.inject({ method: 'HEAD', path: '/hello/ada' });
    expect([head.status, head.text(), head.headers['content-length']]).to.deep.equal([200, '', '22']);
  });

  it('maps an error of a handler to a response, and logs its stack', async () => {
    expect((await app.inject('/closed')).json()).to.include({ status: 403, code: 'SHOP_CLOSED' });
    const response = await app.inject('/fails');
    expect(response.json()).to.include({ status: 500, code: 'INTERNAL' });
    expect(response.text()).to.not.include('till');
    const line = app.logs.at(-1) as { service: string; err: { stack: string } };
    expect(line.service).to.equal('demo');
    expect(line.err.stack).to.match(/^Error: the till is stuck\n.*demo\.[jt]s/);
  });

  it('limits the rate by the client address', async () => {
    const ask = (remoteAddress: string) => app.inject({ path: '/limited', remoteAddress });
    expect((await ask('192.0.2.1')).status).to.equal(200);
    const refused = await ask('192.0.2.1');
    expect(refused.json()).to.include({ status: 429, code: 'RATE_LIMITED' });
    expect(refused.headers).to.include({ 'retry-after': '60' });
    expect((await ask('192.0.2.2')).status).to.equal(200);
  });

  it('dispatches a call to another mounted service, which may be internal', async () => {
    expect((await app.inject('/orders/7')).json()).to.deep.equal({ id: 7 });
    expect((await app.inject('/api/orders/7')).status).to.equal(404);
    const internal = await app.inject({ path: '/api/orders/7', internal: true });
    expect(internal.json()).to.deep.equal({ id: 7 });
  });

  it('runs CPU tasks on a thread of their own', async () => {
    const { doubled, thread } = (await app.inject('/slow')).json<{ doubled: number; thread: number }>();
    expect(doubled).to.equal(42);
    expect(thread).to.not.equal(threadId);
  });

  it('serves the routes that every process has', async () => {
    expect((await app.inject('/health')).json()).to.include({ status: 'healthy' });
    expect((await app.inject('/ready')).json()).to.deep.equal({ status: 'ready' });
    const { paths } = (await app.inject('/openapi.json')).json<{ paths: object }>();
    expect(paths).to.have.property('/items');
  });

  it('reports options that it cannot use', async () => {
    for (const [options, says] of [
      [undefined, 'createTestApp: options must be an object such as { services: [shop] }, not undefined'],
      [{ services: demo }, 'createTestApp: services must be an array of services'],
      [{ services: [demo], databaseUrl: 'localhost' }, 'createTestApp: databaseUrl must be a URL such as'],
      [{ service: [demo] }, 'createTestApp: unknown option "service", did you mean "services"?'],
    ] as const) {
      const failed = await createTestApp(options as never).catch((error: unknown) => String(error));
      expect(failed).to.include(`ConfigError: ${says}`);
    }
  });

  it('reports requests that it cannot send', async () => {
    const thrown = async (send: () => Promise<unknown>) => send().catch((error: unknown) => String(error));
    const both = { path: '/', method: 'POST', json: 1, body: '1' };
    expect(await thrown(async () => app.inject(both))).to.equal('TypeError: inject: json or body, not both');
    expect(await thrown(async () => app.inject('hello'))).to.equal(
      'TypeError: inject: path must be a path that begins with "/", not "hello"',
    );
    expect(await thrown(async () => app.inject({ path: '/', payload: 1 } as never))).to.include(
      'TypeError: inject: unknown option "payload"',
    );
    expect(await thrown(async () => app.inject({ path: '/', method: 'POST', body: {} as never }))).to.equal(
      'TypeError: inject: body must be a string or a Uint8Array; an object is sent by "json", not an object',
    );
    const response = await app.inject({ path: '/limited', remoteAddress: '192.0.2.9' });
    expect(() => response.json()).to.throw(SyntaxError, 'status 200, not JSON: "in"');
  });
});

describe('requests of a test that take one turn of the event loop', () => {
  const work = (milliseconds: number): void => {
    for (const end = performance.now() + milliseconds; performance.now() < end; );
  };
  const busy = defineService({
    name: 'busy',
    routes(app) {
      app.get('/', () => {
        work(10);
        return { done: true };
      });
    },
  });
  const config = defineConfig({ services: [busy], adaptiveLimit: true });

  it('are no overload, one after the other or together', async () => {
    await using app = await createTestApp({ config });
    const statuses: number[] = [];
    for (let sent = 0; sent < 40; sent++) statuses.push((await app.inject('/')).status);
    const together = await Promise.all(Array.from({ length: 40 }, () => app.inject('/')));
    expect(new Set([...statuses, ...together.map(({ status }) => status)])).to.deep.equal(new Set([200]));
  });

  it('meet the adaptive limit where the test asks for it', async () => {
    await using app = await createTestApp({ config, settings: { adaptiveLimit: true } });
    const together = await Promise.all(Array.from({ length: 80 }, () => app.inject('/')));
    expect(together.map(({ status }) => status)).to.include(503);
  });
});
