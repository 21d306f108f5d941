import { expect } from 'chai';
import { type Context, defineService } from '#src/index.js';
import { createTestApp, MissingDependencyError, type TestAppOptions } from '#src/testing.js';
import { startTestPostgres } from '#test/support/postgres.js';
import { until } from '#test/support/until.js';
import { demo, ledger, orders } from './fixtures/demo.js';
import { withApp } from './with-app.js';

const fault = async (asked: Promise<unknown>): Promise<MissingDependencyError> => {
  const error = await asked.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).to.be.instanceOf(MissingDependencyError);
  return error as MissingDependencyError;
};

describe('a replacement for a dependency', () => {
  it('is used by the service', async () => {
    const deps = {
      demo: {
        db: { many: async () => [{ n: 1 }] as never },
        cpu: { run: async () => 'computed' as never },
        call: (service: string) => ({
          get: async (path: string) => ({ json: () => ({ service, path }) }) as never,
        }),
      },
    };
    await withApp({ services: [demo, orders], deps }, async (app) => {
      expect((await app.inject('/rows')).json()).to.deep.equal([{ n: 1 }]);
      expect((await app.inject('/slow')).text()).to.equal('computed');
      expect((await app.inject('/orders/3')).json()).to.deep.equal({
        service: 'orders',
        path: '/api/orders/3',
      });
    });
  });

  it('may wrap the real dependency', async () => {
    const asked: string[] = [];
    const deps: TestAppOptions['deps'] = {
      demo: ({ call }) => ({
        call: (service) => {
          asked.push(service);
          return call(service);
        },
      }),
    };
    await withApp({ services: [demo, orders], deps }, async (app) => {
      expect((await app.inject('/orders/3')).json()).to.deep.equal({ id: 3 });
      expect(asked).to.deep.equal(['orders']);
    });
  });

  it('may be partial: the error names a missing member that is used', async () => {
    await withApp({ services: [demo], deps: { demo: { db: {}, call: () => ({}) } } }, async (app) => {
      expect(await fault(app.inject('/rows'))).to.include({ service: 'demo', dependency: 'db.many' });
      expect((await fault(app.inject('/orders/1'))).message).to.equal(
        'service "demo" uses call.get: deps.demo.call has no such member, give it one',
      );
      expect((await app.inject('/hello/ada')).status).to.equal(200);
    });
  });
});

describe('a dependency that neither the test nor the service has', () => {
  const withoutTasks = { ...demo, tasks: undefined as never };

  it('makes inject throw, with a message that states what to pass, whatever the handler does', async () => {
    await withApp({ services: [withoutTasks, ledger] }, async (app) => {
      const messages = {
        '/rows': 'service "demo" uses db: declare migrations or sagas, or deps.demo.db',
        '/tolerant': 'service "demo" uses db: declare migrations or sagas, or deps.demo.db',
        '/slow': 'service "demo" uses cpu: declare a tasks module, or deps.demo.cpu',
        '/entries':
          'service "ledger" uses db: pass databaseUrl (startPostgres() gives one), or deps.ledger.db',
      };
      for (const [path, message] of Object.entries(messages)) {
        expect((await fault(app.inject(path))).message).to.equal(message);
        expect((await fault(app.stream(path))).message).to.equal(message);
      }
      const note = app.inject({ method: 'POST', path: '/notes', json: {} });
      expect(await fault(note)).to.include({ service: 'ledger', dependency: 'sagas' });
      expect(() => app.database('ledger')).to.throw(MissingDependencyError, 'no databaseUrl was passed');
    });
  });
});

describe('a missing dependency that several requests use at once', () => {
  /** Requests that wait until all requests of the test are running. */
  const waiting: (() => void)[] = [];
  const letGo = (): void => {
    for (const go of waiting.splice(0)) go();
  };
  const together = (): Promise<void> => new Promise((resolve) => waiting.push(resolve));
  const shop = defineService({
    name: 'shop',
    routes(app, { call, db }) {
      const use = async (ctx: Context): Promise<string> => {
        if (ctx.params.uses === 'missing') await db.many('select 1');
        return 'done';
      };
      app.get('/before/:uses', async (ctx) => {
        const result = await use(ctx).catch(() => 'degraded');
        await together();
        return result;
      });
      app.get('/after/:uses', async (ctx) => {
        await together();
        return use(ctx);
      });
      app.get('/called/:uses', async (ctx) => (await call('shop').get(`/after/${ctx.params.uses}`)).text());
      app.get('/queued/:uses', { maxConcurrent: { limit: 1, queue: 100, queueMs: 10_000 } }, use);
      app.get('/streamed/:uses', (ctx) =>
        ctx.sse(async function* () {
          yield { data: 'begun' };
          await together();
          yield { data: await use(ctx) };
        }),
      );
      app.get('/behind', () => {
        const use = async (): Promise<unknown> => db.many('select 1');
        setImmediate(() => void use().catch(() => undefined));
        return 'done';
      });
    },
  });

  it('makes the request throw that uses it, and no other', async () => {
    await withApp({ services: [shop] }, async (app) => {
      const routes = ['before', 'after', 'called', 'queued', 'streamed'];
      const paths = routes.flatMap((route) =>
        ['given', 'missing', 'given', 'given', 'missing'].map((uses) => `/${route}/${uses}`),
      );
      const responses = paths.map((path) => app.inject(path).catch((error: Error) => error));
      await until(
        () => waiting.length,
        (length) => length === 4 * 5,
      );
      letGo();
      for (const [number, response] of (await Promise.all(responses)).entries()) {
        const path = paths[number]!;
        if (path.endsWith('missing')) expect(response, path).to.be.instanceOf(MissingDependencyError);
        else expect(response, path).to.include({ status: 200 });
      }
    });
  });

  it('is logged when it is used after its request, and makes no later request throw', async () => {
    await withApp({ services: [shop] }, async (app) => {
      expect((await app.inject('/behind')).status).to.equal(200);
      expect((await app.inject('/queued/given')).status).to.equal(200);
      const line = await until(
        () =>
          app.logs.find(({ msg }) =>
            String(msg).startsWith('a service used a dependency outside of a request'),
          ),
        Boolean,
      );
      expect(line).to.have.nested.property('err.message').that.contains('service "shop" uses db:');
    });
  });
});

describe('a test app with a database server', () => {
  let url: string;
  before(async () => {
    ({ url } = await startTestPostgres());
  });

  it('has its own migrated databases for routes, sagas and the test, and drops them', async () => {
    const options = { services: [ledger], databaseUrl: url };
    const own = async () =>
      (await databasesOn(url)).filter((name) => /^test_[0-9a-f]{8}_0_ledger$/.test(name));
    const others = await own();
    await withApp(options, async (app) => {
      await app.database('ledger').query('insert into entry (text) values ($1)', ['by hand']);
      const note = await app.inject({ method: 'POST', path: '/notes', json: { text: 'by saga' } });
      expect(note.json()).to.deep.include({ status: 'completed', results: { write: { text: 'by saga' } } });
      const entries = (await app.inject('/entries')).json();
      expect(entries).to.deep.equal([{ text: 'by hand' }, { text: 'by saga' }]);
      await withApp(options, async (other) => {
        expect((await other.inject('/entries')).json()).to.deep.equal([]);
        expect(await own()).to.have.length(others.length + 2);
      });
    });
    expect(await own()).to.have.members(others);
  });

  it('does not start when the server is not reachable', async () => {
    const nowhere = new URL(url);
    nowhere.searchParams.set('host', '/nowhere');
    const options = { services: [ledger], databaseUrl: nowhere.href };
    const error = (await createTestApp(options).catch((thrown: unknown) => thrown)) as Error;
    expect(error.name).to.equal('StartError');
    expect(error.message).to.match(/^DATABASE_URL: cannot connect to the database of "ledger" at \/nowhere/);
  });
});

async function databasesOn(connectionString: string): Promise<string[]> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    const { rows } = await client.query<{ datname: string }>('select datname from pg_database');
    return rows.map(({ datname }) => datname);
  } finally {
    await client.end();
  }
}
