import { expect } from 'chai';
import fastify from 'fastify';
import { ConfigError, defineConfig, defineService } from '#src/index.js';
import { createTestApp } from '#src/testing.js';
import { demo, orders } from './fixtures/demo.js';
import { withApp } from './with-app.js';

describe('createTestApp accepts', () => {
  it('a configuration with its settings, which the settings of the test override', async () => {
    const config = defineConfig({ services: [demo], maxBodyBytes: 5, rateLimit: '1/minute' });
    await withApp({ config, settings: { rateLimit: false } }, async (app) => {
      for (let ask = 0; ask < 3; ask++) expect((await app.inject('/hello/ada')).status).to.equal(200);
      const response = await app.inject({ method: 'POST', path: '/items', json: { name: 'pen', price: 1 } });
      expect(response.status).to.equal(413);
    });
    await withApp({ config }, async (app) => {
      const statuses = [(await app.inject('/hello/ada')).status, (await app.inject('/hello/ada')).status];
      expect(statuses).to.deep.equal([200, 429]);
    });
  });

  it('a configuration file, and no setting from the environment', async () => {
    process.env.MULTILANE_MAX_BODY_BYTES = '1';
    try {
      await withApp({ config: 'examples/hello/multilane.config.js' }, async (app) => {
        const json = { name: 'pen', price: 3 };
        expect((await app.inject({ method: 'POST', path: '/items', json })).status).to.equal(201);
        expect((await app.inject('/orders/1')).json()).to.include({ status: 503, code: 'NO_INSTANCE' });
      });
    } finally {
      delete process.env.MULTILANE_MAX_BODY_BYTES;
    }
  });

  it('a configuration whose setting selects some of its services', async () => {
    const config = defineConfig({ services: [demo, orders] });
    await withApp({ config, settings: { services: ['orders'] } }, async (app) => {
      expect((await app.inject('/hello/ada')).status).to.equal(404);
      expect((await app.inject({ path: '/api/orders/1', internal: true })).status).to.equal(200);
    });
  });
});

describe('a test app', () => {
  it('closes mounted applications when it is closed', async () => {
    let closed = 0;
    const application = fastify().addHook('onClose', async () => void closed++);
    const old = defineService({ name: 'old', routes: (app) => void app.mountNode('/', application) });
    await withApp({ config: defineConfig({ services: [old], httpCore: 'node' }) }, async (app) => {
      expect([(await app.inject('/')).status, closed]).to.deep.equal([404, 0]);
    });
    expect(closed).to.equal(1);
  });
});

describe('createTestApp refuses', () => {
  for (const [what, options, message] of [
    [
      'an application of node:http on the other core',
      {
        services: [
          defineService({
            name: 'old',
            routes: (app) => void app.mountNode('/', (_request, response) => response.end()),
          }),
        ],
      },
      / settings: \{ httpCore: 'node' \} in createTestApp\(\{ … \}\)\n/,
    ],
    ['to mount nothing', {}, 'createTestApp: pass services, or a config that has some'],
    [
      'a setting that is none',
      { services: [demo], settings: { maxBodyByte: 1 } },
      'settings: unknown key "maxBodyByte", did you mean "maxBodyBytes"?',
    ],
    [
      'a member of the configuration among the settings',
      { services: [demo], settings: { openapi: false } },
      'settings: "openapi" is a member of the configuration, not a setting',
    ],
    [
      'a path of a probe that no route could have',
      { services: [demo], settings: { healthPath: '/a/../:b/' } },
      /^settings: healthPath: "\/a\/\.\.\/:b\/" is not a path of letters/,
    ],
    [
      'a setting of another kind',
      { services: [demo], settings: { workers: 'many' } },
      'settings: workers: "many" is not a whole number from 1 to 256',
    ],
    ['a file that is not there', { config: 'nowhere.js' }, /^--config: there is no file .*nowhere\.js$/],
    [
      'overrides of a service that is not mounted',
      { services: [demo], deps: { orders: {} } },
      'deps.orders: no service of this name is mounted (demo)',
    ],
    [
      'an override of what no service has',
      { services: [demo], deps: { demo: { database: {} } as never } },
      'deps.demo.database: services have db, sagas, cpu, call, metrics, shared, log',
    ],
  ] as const) {
    it(what, async () => {
      const error = await createTestApp(options).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(ConfigError);
      if (typeof message === 'string') expect((error as Error).message).to.equal(message);
      else expect((error as Error).message).to.match(message);
    });
  }
});
