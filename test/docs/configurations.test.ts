// The configurations of the pages: each is loaded and serves.
import { expect } from 'chai';
import type { ProjectConfig } from '#src/api/define-config.js';
import { defineService } from '#src/index.js';
import { startTestPostgres } from '#test/support/postgres.js';
import { withApp } from '#test/testing/with-app.js';
import { blockOf } from './blocks.js';
import { Fragments } from './fragments.js';

const INVENTORY = 'syntax = "proto3"; message Item {} service Inventory { rpc Get(Item) returns (Item); }';

const orders = defineService({
  name: 'orders',
  routes(app) {
    app.get('/api/orders/:id(\\d+)', (ctx) =>
      ctx.params.id === '7' ? { id: 7 } : ctx.status(404).json({ missing: ctx.params.id }),
    );
  },
});

describe('the configurations of the pages', () => {
  let fragments: Fragments;
  before(() => {
    fragments = new Fragments();
    fragments.project.write('inventory.proto', INVENTORY);
    fragments.project.write('migrations/0001_item.sql', 'create table item (id int);');
    fragments.project.write('tasks.js', 'export const fib = ({ n }) => n;');
    fragments.project.write('public/hello.txt', 'hello');
  });
  after(() => fragments.project.remove());

  const SETTINGS: readonly string[] = [
    blockOf('docs/gateway.md', 'export default defineConfig({'),
    blockOf('docs/grpc.md', 'export default defineConfig({'),
    blockOf('docs/http.md', 'export default defineConfig({'),
    blockOf('docs/resilience.md', 'export default defineConfig({'),
  ];
  for (const [n, text] of SETTINGS.entries())
    it(`serve with the settings of the file (${n + 1})`, async () => {
      const config = (await fragments.config(text)) as ProjectConfig;
      await withApp({ config }, async (app) => expect((await app.inject('/')).status).to.equal(200));
    });

  it('of the README call another service, and pass its response on', async () => {
    const text = blockOf('README.md', '// multilane.config.js');
    const { services } = (await fragments.config(text)) as ProjectConfig;
    await withApp({ services: [...services!, orders] }, async (app) => {
      expect((await app.inject('/hello/ada')).json()).to.deep.equal({ hello: 'ada' });
      const item = { name: 'pen', price: 3 };
      const made = await app.inject({ method: 'POST', path: '/items', json: item });
      expect(made.status).to.equal(201);
      expect(made.json()).to.deep.equal(item);
      expect((await app.inject({ method: 'POST', path: '/items', json: {} })).status).to.equal(422);
      expect((await app.inject('/orders/7')).json()).to.deep.equal({ id: 7 });
      const missing = await app.inject('/orders/8');
      expect(missing.status).to.equal(404);
      expect(missing.json()).to.deep.equal({ missing: '8' });
    });
  });

  it('of docs/from-hyperlane.md have the routes that their comments name', async () => {
    const text = blockOf('docs/from-hyperlane.md', 'import { csrfGuard');
    const config = (await fragments.config(text)) as ProjectConfig;
    await withApp({ config }, async (app) => {
      expect((await app.inject('/hello/ada')).text()).to.equal('Hello ada');
      expect((await app.inject('/user/7')).json()).to.deep.equal({ id: '7' });
      expect((await app.inject('/user/x')).status).to.equal(404);
      const post = { method: 'POST', path: '/user', json: { age: 7 } };
      expect((await app.inject(post)).json()).to.deep.equal({ age: 7 });
      const foreign = { ...post, headers: { origin: 'https://evil.example' } };
      expect((await app.inject(foreign)).status).to.equal(403);
      expect((await app.inject('/secret')).status).to.equal(401);
      expect(app.logs.map(({ msg }) => msg)).to.include('it failed');
    });
  });

  it('of docs/contract.md have the routes that they declare', async () => {
    const text = blockOf('docs/contract.md', 'import { defineConfig');
    const hono = 'const hono = { fetch: (request) => new Response(new URL(request.url).pathname) };\n';
    const { default: config } = await fragments.module<{ default: ProjectConfig }>(
      text.replace('const Item', `${hono}const Item`),
      'multilane.config.js',
    );
    const { url: databaseUrl } = await startTestPostgres();
    await withApp({ services: [...config.services!, orders], databaseUrl }, async (app) => {
      expect((await app.inject('/hello/ada?q=x')).json()).to.deep.equal({ hello: 'ada', q: 'x' });
      const made = await app.inject({ method: 'POST', path: '/items', json: { name: 'pen', price: 3 } });
      expect({ status: made.status, price: made.headers['x-price'] }).to.deep.equal({
        status: 201,
        price: '3',
      });
      expect((await app.inject({ method: 'POST', path: '/raw', body: 'abc' })).text()).to.equal('abc');
      expect((await app.inject('/orders/7')).json()).to.deep.equal({ id: 7 });
      expect((await app.inject('/slow')).text()).to.equal('40');
      expect((await app.inject('/app/there')).text()).to.equal('/there');
      const events = await app.stream('/events');
      let sent = '';
      for await (const piece of events.body) {
        sent += String(piece);
        if (sent.includes('data:')) break;
      }
      expect(sent).to.include('event: tick\ndata: {"n":1}');
    });
  });
});
