import { expect } from 'chai';
import { CpuThreadsSwitch } from '#src/admin/cpu-threads-switch.js';
import { OperatorSwitches } from '#src/admin/operator-switches.js';
import { switchRoutes } from '#src/admin/switch-routes.js';
import { Block } from '#src/memory/block.js';
import { Switches } from '#src/memory/switches.js';
import { TextPage } from '#src/memory/text-page.js';
import { adminOf } from '#test/upstream/admin.js';

const OTEL = {
  disabled: false,
  serviceName: 'test',
  endpoint: 'http://127.0.0.1:4318/v1/traces',
  headers: {},
  sampler: 'parentbased_traceidratio',
  samplerArg: 0.25,
  resourceAttributes: {},
};
const ROUTES = [
  { service: 'users', method: 'GET', path: '/api/users/:id', template: '/api/users/{id}' },
  { service: 'users', method: 'POST', path: '/api/users', template: '/api/users' },
];

function setUp(otel: Partial<typeof OTEL> & { endpoint?: string | undefined } = {}) {
  const block = Block.create({ workers: 1 });
  const words = new Switches(block);
  const changes: unknown[][] = [];
  const settings = { logLevel: 'info' as const, requestLog: 0, otel: { ...OTEL, ...otel } };
  const switches = new OperatorSwitches(settings, { block, switches: words });
  const resized: number[] = [];
  const cpuThreads = new CpuThreadsSwitch({ setting: 3, resize: (threads) => resized.push(threads) });
  const admin = adminOf(switchRoutes(switches, cpuThreads));
  const set = async (what: string, body: unknown) => {
    const { json, change } = await admin.ask('PUT', `/switches/${what}`, { body });
    changes.push([change?.switch, change?.from, change?.to, change?.reason]);
    return json;
  };
  const refused = async (what: string, body: unknown) => {
    const { code, errors } = await admin.refusalOf('PUT', `/switches/${what}`, { body });
    return `${code} ${(errors ?? []).map(({ path }) => path).join(' ')}`;
  };
  return {
    ...admin,
    set,
    refused,
    switches,
    changes,
    resized,
    words,
    page: new TextPage(block),
  };
}

describe('the switches of the admin plane', () => {
  it('report at most 16 unknown members', async () => {
    const { refusalOf } = setUp();
    const body = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`k${n}`, n]));
    const { errors = [] } = await refusalOf('PUT', '/switches/log-level', { body });
    expect(errors.length).to.be.within(2, 32);
    expect(errors.map(({ path }) => path)).to.include.members(['/k0', '/level']);
  });

  it('begin with the values of the settings', async () => {
    const { ask, switches, words } = setUp();
    switches.setKnownRoutes(ROUTES);
    expect([words.logLevel, words.samplingBound]).to.deep.equal([30, Math.floor(0.25 * 0xffffffff)]);
    const untouched = { since: null, reason: null };
    const on = { state: 'on', retryAfterSeconds: null, ...untouched };
    expect((await ask('GET', '/switches')).json).to.deep.equal({
      logLevel: { level: 'info', setting: 'info', ...untouched },
      requestLog: { ratio: 0, setting: 0, ...untouched },
      sampling: {
        ratio: 0.25,
        setting: 0.25,
        sampler: 'parentbased_traceidratio',
        recording: true,
        exporting: true,
        ...untouched,
      },
      cpuThreads: { threads: 3, setting: 3, ...untouched },
      routes: [
        { service: 'users', method: 'GET', route: '/api/users/{id}', ...on },
        { service: 'users', method: 'POST', route: '/api/users', ...on },
      ],
    });
  });

  it('know a route by its template and as it was declared', async () => {
    const { switches, set } = setUp();
    switches.setKnownRoutes(ROUTES);
    const find = (method: string, ...routes: string[]) =>
      routes.map((route) => switches.templateOf(method, route));
    const users = '/api/users/{id}';
    expect(find('GET', users, '/api/users/:id', '/api/users', '')).to.deep.equal([
      ...[users, users, undefined, undefined],
    ]);
    await set('routes', { method: 'GET', route: users, state: 'off' });
    switches.setKnownRoutes([]);
    expect(find('GET', users, '/api/users/:id')).to.deep.equal([users, undefined]);
  });

  it('keep the list of routes until it changes', async () => {
    const { switches, set } = setUp();
    const lists = [switches.routes];
    const next = (): void => {
      expect(switches.routes).not.to.equal(lists.at(-1));
      lists.push(switches.routes);
      expect(switches.routes).to.equal(lists.at(-1));
    };
    switches.setKnownRoutes(ROUTES);
    next();
    await set('routes', { method: 'POST', route: '/api/users', state: 'off' });
    next();
    switches.setKnownRoutes(ROUTES.slice(0, 1));
    next();
    expect(lists.map((list) => list.map(({ route, state }) => `${route} ${state}`))).to.deep.equal([
      [],
      ['/api/users/{id} on', '/api/users on'],
      ['/api/users/{id} on', '/api/users off'],
      ['/api/users/{id} on', '/api/users off'],
    ]);
  });

  it('change the number of CPU threads, until an operator returns to the setting', async () => {
    const { ask, set, refused, resized, changes } = setUp();
    expect(await set('cpu-threads', { threads: 8, reason: 'the reports are late' })).to.include({
      threads: 8,
      setting: 3,
      reason: 'the reports are late',
    });
    const { cpuThreads } = (await ask('GET', '/switches')).json as { cpuThreads: unknown };
    expect(cpuThreads)
      .to.include({ threads: 8, setting: 3 })
      .and.to.have.property('since')
      .that.is.a('string');
    for (const back of [null, 'auto'])
      expect(await set('cpu-threads', { threads: back })).to.include({ threads: 3, since: null });
    expect(resized).to.deep.equal([8, 3, 3]);
    expect(changes).to.deep.equal([
      ['CPU threads', 3, 8, 'the reports are late'],
      ['CPU threads', 8, 3, null],
      ['CPU threads', 3, 3, null],
    ]);
    for (const threads of [0, 257, 1.5, '4', undefined, true])
      expect(await refused('cpu-threads', { threads })).to.equal('VALIDATION_FAILED /threads');
    expect(resized).to.have.length(3);
  });

  it('show a ratio of 0 or 1 for a sampler without one, until an operator sets it', async () => {
    for (const [sampler, ratio, bound] of [
      ['always_on', 1, 2 ** 32],
      ['parentbased_always_off', 0, 0],
      ['no_such_sampler', 0.25, Math.floor(0.25 * 0xffffffff)],
    ] as const) {
      const { switches, words, set } = setUp({ sampler });
      expect([switches.sampling.ratio, words.samplingBound], sampler).to.deep.equal([ratio, bound]);
      await set('sampling', { ratio: 0.5 });
      expect(words.samplingBound).to.equal(Math.floor(0.5 * 0xffffffff));
      await set('sampling', { ratio: 1 });
      expect(words.samplingBound).to.equal(2 ** 32);
      await set('sampling', { ratio: 'auto' });
      expect(words.samplingBound).to.equal(bound);
    }
  });

  it('show the time and the reason of a change, and report it with the value before', async () => {
    const { set, changes, words } = setUp();
    const loud = (await set('log-level', { level: 'debug', reason: 'orders are late' })) as { since: string };
    expect(loud).to.include({ level: 'debug', setting: 'info', reason: 'orders are late' });
    expect(Date.parse(loud.since)).to.be.closeTo(Date.now(), 60_000);
    expect(words.logLevel).to.equal(20);
    await set('log-level', { level: 'debug' });
    await set('log-level', { level: 'auto' });
    await set('sampling', { ratio: 0 });
    expect(changes).to.deep.equal([
      ['log level', 'info', 'debug', 'orders are late'],
      ['log level', 'debug', 'debug', null],
      ['log level', 'debug', 'info', null],
      ['sampling ratio', 0.25, 0, null],
    ]);
  });

  it('switch a route by its path or its template, also one that a reload has removed', async () => {
    const { set, switches, page, refused } = setUp();
    const off = { method: 'GET', state: 'off' };
    expect(await refused('routes', { ...off, route: '/api/users/:id' })).to.equal('STARTING ');
    switches.setKnownRoutes(ROUTES);
    const { routes } = (await set('routes', { ...off, route: '/api/users/:id' })) as { routes: object[] };
    expect(routes).to.have.length(1);
    expect(routes[0]).to.include({ route: '/api/users/{id}', state: 'off', retryAfterSeconds: 30 });
    expect(JSON.parse(page.read().text)).to.deep.equal({ 'GET /api/users/{id}': 30 });
    expect(await refused('routes', { ...off, route: '/api/users' })).to.equal('NOT_FOUND ');
    switches.setKnownRoutes(ROUTES.slice(1));
    expect(switches.routes.at(-1)).to.include({ service: null, route: '/api/users/{id}', state: 'off' });
    await set('routes', { method: 'GET', route: '/api/users/{id}', state: 'on' });
    expect(JSON.parse(page.read().text)).to.deep.equal({});
    expect(switches.routes).to.have.length(1);
  });

  it('refuse more routes than fit into shared memory, and keep those that are off', async () => {
    const { set, switches, refused } = setUp();
    const long = (n: number) => `/${String(n).padStart(900, 'x')}`;
    const many = Array.from({ length: 80 }, (_, n) => long(n));
    switches.setKnownRoutes(many.map((path) => ({ service: 'big', method: 'GET', path, template: path })));
    let off = 0;
    const next = () => ({ method: 'GET', route: many[off], state: 'off' });
    for (; off < 70; off++) await set('routes', next());
    let refusal: string | undefined;
    for (; refusal === undefined; off++) {
      refusal = await set('routes', next()).then(
        () => undefined,
        () => refused('routes', next()),
      );
    }
    expect(refusal).to.equal('VALIDATION_FAILED /state');
    expect(switches.routes.filter(({ state }) => state === 'off')).to.have.length(off - 1);
  });

  it('refuse wrong bodies, naming every member', async () => {
    const { refused, switches } = setUp();
    switches.setKnownRoutes(ROUTES);
    for (const [what, body, expected] of [
      ['log-level', undefined, ''],
      ['log-level', ['debug'], ''],
      ['log-level', {}, '/level'],
      ['log-level', { level: 'verbose' }, '/level'],
      ['log-level', { level: 'debug', reason: 'x'.repeat(201) }, '/reason'],
      ['log-level', { level: 'debug', 'a/b~': 1 }, '/a~1b~0'],
      ['sampling', { ratio: 1.01 }, '/ratio'],
      ['sampling', { ratio: -0.1 }, '/ratio'],
      ['sampling', { ratio: '0.5' }, '/ratio'],
      ['sampling', { ratio: null }, '/ratio'],
      ['routes', { method: 'get', route: 'x', state: 'maybe' }, '/method /route /state'],
      [
        'routes',
        { method: 'GET', route: '/api/users', state: 'off', retryAfterSeconds: 0 },
        '/retryAfterSeconds',
      ],
      [
        'routes',
        { method: 'GET', route: '/api/users', state: 'off', retryAfterSeconds: 1.5 },
        '/retryAfterSeconds',
      ],
    ] as const) {
      expect(await refused(what, body), JSON.stringify(body)).to.equal(`VALIDATION_FAILED ${expected}`);
    }
  });

  it('refuse a ratio while no traces are recorded', async () => {
    const { refused, switches } = setUp({ disabled: true });
    expect(switches.sampling).to.include({ recording: false, exporting: false });
    expect(await refused('sampling', { ratio: 0.5 })).to.equal('VALIDATION_FAILED /ratio');
  });

  it('take a ratio without a collector, because traces are recorded all the same', async () => {
    const { set, switches } = setUp({ endpoint: undefined } as unknown as Partial<typeof OTEL>);
    expect(await set('sampling', { ratio: 0.5 })).to.include({
      ratio: 0.5,
      recording: true,
      exporting: false,
    });
    expect(switches.sampling.ratio).to.equal(0.5);
  });

  it('set the share of requests that are logged, until an operator returns to the setting', async () => {
    const { set, refused, words, changes } = setUp();
    expect(words.requestLogShare).to.equal(0);
    expect(await set('request-log', { ratio: 0.25, reason: 'slow' })).to.include({ ratio: 0.25, setting: 0 });
    expect(words.requestLogShare).to.equal(0.25);
    await set('request-log', { ratio: 1e-9 });
    expect(words.requestLogShare, 'at least a millionth').to.equal(1e-6);
    expect(await set('request-log', { ratio: 'auto' })).to.include({ ratio: 0, since: null });
    expect(words.requestLogShare).to.equal(0);
    expect(changes).to.deep.equal([
      ['request log', 0, 0.25, 'slow'],
      ['request log', 0.25, 1e-9, null],
      ['request log', 1e-9, 0, null],
    ]);
    for (const ratio of [-1, 1.1, '0.5', null, undefined])
      expect(await refused('request-log', { ratio })).to.equal('VALIDATION_FAILED /ratio');
  });
});
