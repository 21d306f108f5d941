// The fake admin plane against a real process: every path that the dashboard reads has the same shape in
// both, and names that an operator reads are the same.
import { expect } from 'chai';
import type { PlaneJson } from '#src/admin/plane-json.js';
import { get, json, post } from '#test/support/client.js';
import { answering, TestInstance } from '#test/support/instance.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { FakePlane } from './fake-plane.js';
import { OPERATED } from './operated.js';
import { saga } from './plane-rows.js';
import { differences } from './shapes.js';

/** Members whose content is data. */
const DATA =
  /\.(statuses|states|metadata|attributes|results|rateLimits\.refused|nodes\[\]\.positionTicks)$|\/sagas\.items\[\]\.input$/;
const TOPICS = ['overview', 'routes', 'workers', 'services', 'calls', 'limits', 'cpu'];

/** Each path in the form of PlaneJson, with what it is of a real process and of the fake plane. */
type Paths = Readonly<
  Record<keyof PlaneJson | '/workers/:id/profile', readonly [real: string, fake: string]>
>;

const baseOf = (url: string): string => url.replace(/\/$/, '');

async function firstEvents(url: string): Promise<Readonly<Record<string, unknown>>> {
  const found: Record<string, unknown> = {};
  const end = new AbortController();
  const response = await fetch(`${url}/events?topics=${TOPICS.join(',')}`, { signal: end.signal });
  let text = '';
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    text += piece;
    const events = text.split('\n\n');
    text = events.pop()!;
    for (const event of events) {
      const [, topic = '', data] = /^event: (\w+)\ndata: (.*)$/m.exec(event) ?? [];
      if (data !== undefined) found[topic] = JSON.parse(data);
    }
    if (TOPICS.every((topic) => topic in found)) break;
  }
  end.abort();
  return found;
}

describe('the fake admin plane', () => {
  const cluster = useCluster({
    config: OPERATED,
    found: 'server',
    env: { WORKERS: '1', OTEL_TRACES_SAMPLER_ARG: '1', ADMIN_TOKEN: '' },
  });
  const fake = new FakePlane();
  let instance: TestInstance;
  let paths: Paths;
  const read = async (base: string, path: string): Promise<unknown> =>
    json(await get(`${baseOf(base)}${path}`));
  const real = async <Path extends keyof PlaneJson>(path: Path): Promise<PlaneJson[Path]> =>
    (await read(cluster.adminUrl, paths[path][0])) as PlaneJson[Path];
  const faked = async <Path extends keyof PlaneJson>(path: Path): Promise<PlaneJson[Path]> =>
    (await read(fake.url, paths[path][1])) as PlaneJson[Path];

  before(async () => {
    await fake.listen();
    instance = await TestInstance.start(cluster.adminUrl, 'stock', 'one');
    instance.behave = answering(500);
    await get(`${cluster.url}/hello/ada`);
    await get(`${cluster.url}/resize`);
    const call = async () => json<{ code?: string }>(await get(`${cluster.url}/call/stock`));
    await until(call, ({ code }) => code === 'BREAKER_OPEN');
    for (let n = 0; n < 3; n++) await get(`${cluster.url}/ledger`);
    const { sagaId } = await json<{ sagaId: string }>(await post(`${cluster.url}/orders/declined`, {}));
    const traces = async () =>
      (await read(cluster.adminUrl, '/traces?search=ledger')) as PlaneJson['/traces'];
    const { items } = await until(traces, (found) => found.items.length === 3);
    const status = async () => (await read(cluster.adminUrl, `/sagas/${sagaId}`)) as { status: string };
    await until(status, (found) => found.status === 'compensated');
    const same = (path: string) => [path, path] as const;
    paths = {
      '/overview': same('/overview'),
      '/routes': same('/routes'),
      '/routes/histogram': [
        '/routes/histogram?method=GET&route=/hello/{name}',
        '/routes/histogram?method=GET&route=/api/users/{id}',
      ],
      '/workers': same('/workers'),
      '/workers/:id/profile': same('/workers/1/profile?seconds=1'),
      '/flights': same('/flights?worker=1'),
      '/services': same('/services'),
      '/registry/v1/services/:service': ['/registry/v1/services/stock', '/registry/v1/services/orders'],
      '/calls': same('/calls'),
      '/breakers': same('/breakers'),
      '/limits': same('/limits'),
      '/switches': same('/switches'),
      '/sagas': same('/sagas'),
      '/sagas/:id': [`/sagas/${sagaId}`, `/sagas/${saga(0).sagaId}`],
      '/cpu': same('/cpu'),
      '/traces': same('/traces'),
      '/traces/:traceId': [`/traces/${items[0]!.traceId}`, `/traces/${'b'.repeat(32)}`],
      '/settings': same('/settings'),
    };
  });
  after(async () => {
    instance.stop();
    await fake.close();
  });

  it('serves the shapes of a real process on every path', async () => {
    const found: string[] = [];
    for (const [path, [ofReal, ofFake]] of Object.entries(paths)) {
      const pair = [await read(cluster.adminUrl, ofReal), await read(fake.url, ofFake)] as const;
      found.push(...differences(path, ...pair, (at) => DATA.test(at)));
    }
    expect(found).to.deep.equal([]);
  });

  it('sends the shapes of a real process in every topic', async () => {
    const [ofReal, ofFake] = [await firstEvents(cluster.adminUrl), await firstEvents(baseOf(fake.url))];
    const found = TOPICS.flatMap((topic) =>
      differences(`/${topic}`, ofReal[topic], ofFake[topic], (at) => DATA.test(at)),
    );
    expect(found).to.deep.equal([]);
  });

  it('uses the names of a real process', async () => {
    const named = (list: readonly { readonly name: string; readonly unit?: string }[]) =>
      list.map(({ name, unit }) => `${name} (${unit})`);
    expect(named((await faked('/overview')).saturation)).to.deep.equal(
      named((await real('/overview')).saturation),
    );
    const kinds = ({ nodes }: PlaneJson['/calls']) => [
      ...new Set(
        nodes.map(({ name, kind }) => `${kind}: ${kind === 'service' ? '' : name.replace(/^\w+ /, '')}`),
      ),
    ];
    expect(kinds(await faked('/calls'))).to.have.members(kinds(await real('/calls')));
    const facts = ({ items }: PlaneJson['/settings'], name: string) => {
      const { value: _value, source: _source, ...rest } = items.find((one) => one.name === name)!;
      return rest;
    };
    const settings = await real('/settings');
    const fakes = await faked('/settings');
    for (const { name } of fakes.items) expect(facts(fakes, name)).to.deep.equal(facts(settings, name));
    const docs = ({ items }: PlaneJson['/routes']) =>
      items
        .filter(({ docs: link }) => link !== null)
        .map(({ docs: link, ...row }) => link!.replace(/^.*#/, '#').replace(row.service ?? '', 'service'))
        .map((link) => link.replace(/_.*$/, '_…'));
    expect(new Set(docs(await faked('/routes')))).to.deep.equal(new Set(docs(await real('/routes'))));
  });

  it('has the failed span of a real process', async () => {
    const failed = ({ spans }: PlaneJson['/traces/:traceId']) =>
      spans
        .filter(({ status, kind }) => status === 'error' && kind === 'client')
        .map(({ statusMessage, attributes }) => ({ statusMessage, names: Object.keys(attributes).sort() }));
    expect(failed(await faked('/traces/:traceId'))).to.deep.equal(failed(await real('/traces/:traceId')));
  });

  it('carries out commands with the results of a real process', async () => {
    const put = async (base: string, path: string, body?: unknown): Promise<unknown> => {
      const response = await fetch(`${baseOf(base)}${path}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      expect(response.status, path).to.be.oneOf([200, 204]);
      return response.status === 204 ? null : response.json();
    };
    const route = { method: 'GET', state: 'off', reason: 'late' };
    const pairs: readonly (readonly [path: string, fakePath: string, body?: unknown, fakeBody?: unknown])[] =
      [
        ['/breakers/stock/one', '/breakers/orders/orders-1', { force: 'open' }],
        ['/switches/log-level', '/switches/log-level', { level: 'debug', reason: 'late' }],
        ['/switches/request-log', '/switches/request-log', { ratio: 0.5 }],
        ['/switches/sampling', '/switches/sampling', { ratio: 0.5 }],
        [
          '/switches/routes',
          '/switches/routes',
          { ...route, route: '/hello/{name}' },
          { ...route, route: '/api/users/{id}' },
        ],
        [
          '/registry/v1/services/stock/instances/one/drain',
          '/registry/v1/services/orders/instances/orders-1/drain',
        ],
      ];
    const found: string[] = [];
    for (const [path, fakePath, body, fakeBody = body] of pairs) {
      const pair = [
        await put(cluster.adminUrl, path, body),
        await put(fake.url, fakePath, fakeBody),
      ] as const;
      expect(pair[0] === null, path).to.equal(pair[1] === null);
      found.push(...differences(path, ...pair, () => false));
    }
    expect(found).to.deep.equal([]);
  });
});

describe('the comparison of shapes finds', () => {
  for (const [what, real, fake, line] of [
    ['a member that the fake lacks', { a: 1, b: 2 }, { a: 1 }, '/x.b: not in the fake'],
    ['a member that only the fake has', { a: 1 }, { a: 1, b: 2 }, '/x.b: only in the fake'],
    ['another type', { a: [{ b: 1 }] }, { a: [{ b: '1' }] }, '/x.a[].b: number is string in the fake'],
    [
      'another type behind a null',
      [{ b: null }, { b: { c: 1 } }],
      [{ b: { c: true } }, { b: null }],
      '/x[].b.c: number is boolean in the fake',
    ],
  ] as const) {
    it(what, () => expect(differences('/x', real, fake, () => false)).to.deep.equal([line]));
  }

  it('nothing where a side has nothing to compare', () => {
    expect(
      differences(
        '/x',
        { a: [], b: null, c: { d: 1 } },
        { a: [1], b: 'text', c: { e: 1 } },
        (at) => at === '/x.c',
      ),
    ).to.deep.equal([]);
  });
});
