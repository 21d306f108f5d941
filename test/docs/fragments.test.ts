// The parts of modules on the pages: each runs in a service of its own.
import { expect } from 'chai';
import type { ServiceDefinition } from '#src/api/service-definition.js';
import { type Application, defineService, HttpError } from '#src/index.js';
import { startTestPostgres } from '#test/support/postgres.js';
import { withApp } from '#test/testing/with-app.js';
import { blockOf } from './blocks.js';
import { Fragments } from './fragments.js';

const echo = (app: Application, path: `/${string}`): void =>
  void app.get(path, (ctx) => ({ page: ctx.query.get('page') }));

/** Services that the fragments call. Their responses show what they have got. */
const CALLED: readonly ServiceDefinition[] = [
  defineService({ name: 'reports', routes: (app) => echo(app, '/slow') }),
  defineService({
    name: 'orders',
    routes(app) {
      echo(app, '/api/orders');
      echo(app, '/orders');
    },
  }),
  defineService({
    name: 'catalog',
    routes(app) {
      echo(app, '/items');
      app.post('/orders', (ctx) => ({ key: ctx.headers.get('idempotency-key') }));
    },
  }),
  defineService({
    name: 'prices',
    routes(app) {
      app.get('/now', () => {
        throw new HttpError('OVERLOADED', 'No prices now.');
      });
    },
  }),
  defineService({
    name: 'files',
    routes(app) {
      app.get('/files/:id', (ctx) => `file ${ctx.params.id}`);
      app.put('/files/:id', { chunked: 'accept' }, async (ctx) => ({ stored: await ctx.readText() }));
    },
  }),
];

describe('the parts of modules on the pages', () => {
  let fragments: Fragments;
  before(() => {
    fragments = new Fragments();
  });
  after(() => fragments.project.remove());

  it('limit the rate of a route as docs/services.md describes', async () => {
    const text = blockOf('docs/services.md', "app.post('/login', { rateLimit");
    const names = "const [login, search, items, report, codes, ping] = Array(6).fill(() => 'done');";
    await withApp({ services: [await fragments.routes(text, names)] }, async (app) => {
      const statuses = async (path: string, method = 'GET'): Promise<number> => {
        for (let n = 0; n < 6; n++) {
          const { status } = await app.inject({ path, method });
          if (status !== 200) return status;
        }
        return 200;
      };
      expect(await statuses('/login', 'POST')).to.equal(429);
      expect(await statuses('/reports/a')).to.equal(429);
      for (const path of ['/search', '/v1/items', '/ping']) expect(await statuses(path)).to.equal(200);
      expect(await statuses('/codes', 'POST')).to.equal(200);
    });
  });

  it('limit the rate over all processes as docs/cluster-limits.md describes', async () => {
    const text = blockOf('docs/cluster-limits.md', '// MULTILANE_RATE_LIMIT=');
    const take = "app.get('/take', () => perUser.take('ada').allowed);";
    const service = await fragments.routes(`${text}\n${take}`, "const sendCode = () => 'sent';");
    const settings = {
      rateLimit: '100/second;burst=200',
      rateLimitScope: 'cluster',
      registry: 'etcd://127.0.0.1:1',
    };
    await withApp({ services: [service], settings }, async (app) => {
      expect((await app.inject({ method: 'POST', path: '/codes' })).text()).to.equal('sent');
      expect((await app.inject('/take')).text()).to.equal('true');
    });
  });

  it('limit what runs at a time as docs/services.md describes', async () => {
    const [first = '', second = '', call = ''] = blockOf('docs/services.md', "app.get('/export'").split('\n');
    const names = "const exportAll = () => 'all', search = () => 'found';";
    const text = `${first}\n${second}\napp.get('/call', async () => (${call.replace(/;.*/, '')}).status);`;
    await withApp({ services: [await fragments.routes(text, names), ...CALLED] }, async (app) => {
      for (const [path, shown] of [
        ['/export', 'all'],
        ['/search', 'found'],
        ['/call', '200'],
      ])
        expect((await app.inject(path!)).text()).to.equal(shown);
    });
  });

  for (const [what, text, result, shown] of [
    [
      'with a query as docs/services.md shows',
      blockOf('docs/services.md', "const authorization = ctx.headers.get('authorization');"),
      "(await call('orders').get('/api/orders', { query: { page: 2 } })).json()",
      '{"page":"2"}',
    ],
    [
      'with a picker as docs/resilience.md shows',
      blockOf('docs/resilience.md', "await call('orders').get('/orders', { picker"),
      "'called'",
      'called',
    ],
    [
      'with retries and hedges as docs/resilience.md shows',
      blockOf('docs/resilience.md', "await call('catalog').get('/items');"),
      "'called'",
      'called',
    ],
    [
      'with a fallback as docs/resilience.md shows',
      `const lastKnown = { pen: 3 };\n${blockOf('docs/resilience.md', "const response = await call('prices')")}`,
      '{ isFallback: response.isFallback, ...response.json() }',
      '{"isFallback":true,"pen":3}',
    ],
  ] as const)
    it(`call other services ${what}`, async () => {
      const service = await fragments.handler(text, result);
      await withApp({ services: [service, ...CALLED] }, async (app) =>
        expect((await app.inject('/')).text()).to.equal(shown),
      );
    });

  it('get the problem document of docs/errors.md for a body that is not valid', async () => {
    const service = await fragments.routes(
      "app.post('/', { body: Type.Object({ quantity: Type.Integer({ minimum: 1 }) }) }, () => 'ordered');",
    );
    await withApp({ services: [service] }, async (app) => {
      const shown = JSON.parse(blockOf('docs/errors.md', '{\n  "type"')) as Record<string, unknown>;
      const response = await app.inject({ method: 'POST', path: '/', json: { quantity: 0 } });
      const { instance, traceId, ...problem } = response.json<Record<string, unknown>>();
      expect({ ...problem, instance: shown.instance, traceId: shown.traceId }).to.deep.equal(shown);
      expect([response.status, typeof instance, typeof traceId]).to.deep.equal([422, 'string', 'string']);
    });
  });

  it('stream the bodies of calls as docs/services.md shows', async () => {
    const service = await fragments.routes(blockOf('docs/services.md', "app.post('/scans/:id'"));
    await withApp({ services: [service, ...CALLED] }, async (app) => {
      const stored = await app.inject({ method: 'POST', path: '/scans/7', body: 'dots' });
      expect(stored.json()).to.deep.equal({ stored: 'dots' });
      expect((await app.inject('/scans/7')).text()).to.equal('file 7');
    });
  });

  it('send events as docs/websocket.md shows', async () => {
    const { orders } = await fragments.module<{ orders: ServiceDefinition }>(
      blockOf('docs/websocket.md', '// service.js'),
    );
    await withApp({ services: [orders] }, async (app) => {
      const place = () => app.inject({ method: 'POST', path: '/orders' });
      expect((await place()).status).to.equal(201);
      const { body } = await app.stream({ path: '/events', headers: { 'last-event-id': '0' } });
      let sent = '';
      for await (const piece of body) {
        sent += String(piece);
        if (sent.endsWith('data: {"id":1}\n\n')) await place();
        if (sent.endsWith('data: {"id":2}\n\n')) break;
      }
      expect(sent).to.include('retry: 1000\n\nevent: order\nid: 1\ndata: {"id":1}\n\n');
    });
  });

  it('count and measure as docs/metrics.md shows', async () => {
    const members = blockOf('docs/metrics.md', 'routes(app, { metrics })').replace(
      /^}/m,
      "app.get('/a', () => 'a');\n}",
    );
    const { default: first } = await fragments.module<{ default: ServiceDefinition }>(
      `import { defineService } from 'multilane';\nexport default defineService({ name: 'first', ${members} });`,
    );
    const second = await fragments.handler(
      blockOf('docs/metrics.md', 'const closed = metrics.counter'),
      "'counted'",
      "const cart = { reason: 'bought', items: [1], kind: 'gift' };",
    );
    await withApp({ services: [first, second] }, async (app) => {
      expect((await app.inject('/a')).text()).to.equal('a');
      expect((await app.inject('/')).text()).to.equal('counted');
    });
  });

  it('have a database, and effects that happen once, as docs/services.md and docs/sagas.md show', async () => {
    fragments.project.write('migrations/0001_user.sql', 'create table person (name text primary key);');
    fragments.project.write('tasks.js', 'export const fib = ({ n }) => n;');
    const { items } = await fragments.module<{ items: ServiceDefinition }>(
      blockOf('docs/services.md', "import { defineService, Type } from 'multilane';\n\nconst Item"),
    );
    const names = `const key = 'k-1', body = { name: 'eve' };
      const effect = async (tx) => ({ status: 201, body: await tx.one("insert into person values ('eve') returning name") });
      const undo = async (tx, done) => { if (done) await tx.query("delete from person where name = 'eve'"); };
      const insertUser = (tx, { name }) => tx.one('insert into person values ($1) returning name', [name]);`;
    const service = await fragments.routes(
      `app.post('/users', { body: Type.Object({ name: Type.String() }) }, async (ctx) => {
         ${blockOf('docs/services.md', 'const user = await idempotent(')}
         return user;
       });
       app.get('/payments', async () => {
         ${blockOf('docs/sagas.md', 'await db.idempotent(')}
         return db.many('select name from person order by name');
       });`,
      names,
      "migrations: new URL('./migrations/', import.meta.url),",
    );
    const { url: databaseUrl } = await startTestPostgres();
    await withApp({ services: [items, service], databaseUrl }, async (app) => {
      const item = { name: 'pen', price: 3 };
      const made = await app.inject({ method: 'POST', path: '/items', json: item });
      expect({ status: made.status, item: made.json() }).to.deep.equal({ status: 201, item });
      const user = {
        method: 'POST',
        path: '/users',
        json: { name: 'ada' },
        headers: { 'idempotency-key': 'u-1' },
      };
      for (let n = 0; n < 2; n++) {
        const { status, headers } = await app.inject(user);
        expect({ status, type: headers['content-type'] }).to.deep.equal({
          status: 201,
          type: 'application/json',
        });
      }
      expect((await app.inject('/payments')).json()).to.deep.equal([{ name: 'ada' }]);
    });
  });
});
