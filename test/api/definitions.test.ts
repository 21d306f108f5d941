import { expect } from 'chai';
import {
  BusinessError,
  ConfigError,
  defineConfig,
  defineSaga,
  defineService,
  type SagaStep,
} from 'multilane';
import type { ValuesOf } from '#src/config/setting.js';
import type { PROCESS_SETTINGS } from '#src/config/table.js';
import { describeValue } from '#src/options.js';

const routes = (): void => undefined;
const url = new URL('./x/', import.meta.url);

/** Definitions that a JavaScript user could write in spite of the types. */
const service = (definition: object) => defineService(definition as Parameters<typeof defineService>[0]);
const saga = (definition: object) => defineSaga(definition as Parameters<typeof defineSaga>[0]);

describe('defineService', () => {
  it('returns the definition it was given, frozen', () => {
    const step: SagaStep = { name: 'only', run: () => null };
    const sagas = [saga({ name: 'trip', version: 1, steps: [step] })];
    const given = { name: 'travel', migrations: url, tasks: new URL(import.meta.url), sagas, routes };
    const defined = defineService(given);
    expect(defined).to.deep.equal(given);
    expect(Object.isFrozen(defined)).to.equal(true);
  });

  for (const name of ['Users', '9lives', 'a_b', '', 'a'.repeat(64), undefined, 'a\n']) {
    it(`refuses the name ${JSON.stringify(name)}`, () => {
      expect(() => service({ name, routes })).to.throw(ConfigError, 'service name');
    });
  }

  it('refuses the name of a database of PostgreSQL itself', () => {
    expect(() => service({ name: 'postgres', routes })).to.throw(ConfigError, 'postgres');
  });

  const faults: [string, object, string][] = [
    ['no routes', {}, 'routes must be a function'],
    ['routes that are none', { routes: [] }, 'routes must be a function (app, deps), not an empty array'],
    ['migrations as a path', { routes, migrations: './migrations' }, 'migrations must be a file URL'],
    [
      'tasks from the network',
      { routes, tasks: new URL('http://localhost/t.js') },
      'tasks must be a file URL',
    ],
    [
      'tasks in a file that does not exist',
      { routes, tasks: new URL('none.js', url) },
      'tasks: there is no file /',
    ],
    ['sagas as an object', { routes, sagas: {} }, 'sagas must be an array of defineSaga(…), not an object'],
    ['an unknown member', { routes, migration: url }, 'unknown member "migration"'],
    [
      'two sagas of one name',
      {
        routes,
        sagas: [1, 2].map(() => ({ name: 'trip', version: 1, steps: [{ name: 'a', run: routes }] })),
      },
      'saga "trip" is declared twice',
    ],
  ];
  for (const [what, members, says] of faults) {
    it(`refuses ${what}, naming the service`, () => {
      expect(() => service({ name: 'demo', ...members }))
        .to.throw(ConfigError, says)
        .with.property('message')
        .that.contains('service "demo"');
    });
  }
});

describe('defineService without an object or a name', () => {
  it('refuses a misspelt name by the member that is unknown', () => {
    const given = { nme: 'demo', routes() {} };
    expect(() => defineService(given as never)).to.throw(
      ConfigError,
      'unknown member "nme", did you mean "name"?',
    );
  });

  for (const given of [undefined, null, 'demo', [], () => {}]) {
    it(`refuses ${describeValue(given)}`, () => {
      expect(() => defineService(given as never)).to.throw(
        ConfigError,
        `defineService: the service must be an object such as { name: 'shop', routes(app, deps) { … } }`,
      );
    });
  }
});

describe('defineSaga', () => {
  it('returns the definition it was given, frozen', () => {
    const definition = { name: 'trip', version: 2, steps: [{ name: 'book', run: () => ({ id: 1 }) }] };
    const defined = defineSaga(definition);
    expect(defined).to.deep.equal(definition);
    expect(Object.isFrozen(defined)).to.equal(true);
    expect(Object.isFrozen(defined.steps)).to.equal(true);
  });

  const step = { name: 'book', run: routes };
  const faults: [string, object, string][] = [
    ['no version', { steps: [step] }, 'version'],
    ['no steps', { version: 1, steps: [] }, 'steps'],
    ['a step without run', { version: 1, steps: [{ name: 'book' }] }, 'run'],
    ['two steps of one name', { version: 1, steps: [step, step] }, 'book'],
    ['a time limit of 0', { version: 1, steps: [{ ...step, timeoutMs: 0 }] }, 'timeoutMs'],
    ['no attempt at all', { version: 1, steps: [{ ...step, retry: { attempts: 0 } }] }, 'attempts'],
  ];
  for (const [what, members, says] of faults) {
    it(`refuses ${what}, naming the saga`, () => {
      expect(() => saga({ name: 'trip', ...members }))
        .to.throw(ConfigError, says)
        .with.property('message')
        .that.contains('"trip"');
    });
  }
});

describe('defineConfig', () => {
  it('has a type with every setting and no other member', () => {
    type Untyped = Exclude<keyof ValuesOf<typeof PROCESS_SETTINGS>, keyof Parameters<typeof defineConfig>[0]>;
    const untyped: Record<Untyped, unknown> = {};
    const typed = {
      port: 80,
      logLevel: 'debug',
      rateLimit: '5/second',
      ordersDatabaseUrl: 'postgres://x',
    } as const;
    const given = { ...typed, adminToken: undefined, otelServiceName: 'x', trustedProxies: ['10.0.0.0/8'] };
    expect([untyped, defineConfig(given)]).to.deep.equal([{}, given]);
    // @ts-expect-error: the setting is `port`
    defineConfig({ prot: 80 });
    // @ts-expect-error: the value is a number
    defineConfig({ port: true });
  });

  const demo = defineService({ name: 'demo', routes });

  it('returns the configuration it was given', () => {
    const config = { services: [demo], maxInFlight: 5 };
    expect(defineConfig(config)).to.equal(config);
    expect(defineConfig({})).to.deep.equal({});
  });

  const handler = (): Response => new Response('hi');
  const kinds: [string, object][] = [
    ['routes', { routes }],
    ['a function for fetch', { fetch: handler }],
    ['an application for fetch', { fetch: { fetch: handler } }],
    ['routes and fetch', { routes, fetch: handler }],
  ];
  for (const [what, members] of kinds) {
    it(`takes every service that defineService returns: one of ${what}`, () => {
      const services = [defineService({ name: 'demo', ...members })];
      expect(defineConfig({ services }).services).to.equal(services);
    });
  }

  const faults: [string, object, string][] = [
    ['services that are no list', { services: demo }, 'services must be an array'],
    ['a service that is none', { services: [demo, {}] }, 'services[1] is not a service'],
    ['nothing for a service', { services: [undefined] }, 'services[0] is not a service'],
    ['two services of one name', { services: [demo, demo] }, 'service "demo" is declared twice'],
  ];
  for (const [what, config, says] of faults) {
    it(`refuses ${what}`, () => {
      expect(() => defineConfig(config as never)).to.throw(ConfigError, says);
    });
  }
});

describe('BusinessError', () => {
  it('has status 422 unless its code has a status or one is passed', () => {
    expect(new BusinessError('SOLD_OUT', 'none left')).to.include({ status: 422, code: 'SOLD_OUT' });
    expect(new BusinessError('SOLD_OUT', 'none left', { status: 409 }).status).to.equal(409);
    expect(new BusinessError('EMAIL_TAKEN', 'taken').status).to.equal(409);
  });
});
