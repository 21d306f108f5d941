// The JSON of the admin plane and its events, on a process under load.
import { dirname } from 'node:path';
import { expect } from 'chai';
import { get, json } from '#test/support/client.js';
import { expectProblem } from '#test/support/problem.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { Wire } from '#test/support/wire.js';
import { VIEWED } from './fixtures/paths.js';

const ADMIN_TOKEN = 'the-token-of-the-operator-0123456789abcd';
const AUTHORIZED = { authorization: `Bearer ${ADMIN_TOKEN}` };
const PATHS = ['/overview', '/routes', '/services', '/calls', '/cpu', '/settings', '/breakers'];

interface Overview {
  readonly windowS: number;
  readonly requests: { readonly perSecond: number; readonly total: number };
  readonly latencyMs: { readonly p50: number | null };
  readonly saturation: readonly { readonly name: string; readonly limit: number | null }[];
  readonly problems: readonly { readonly id: string; readonly title: string; readonly severity: string }[];
}
interface RouteItem {
  readonly method: string;
  readonly route: string;
  readonly service: string | null;
  readonly requests: number;
  readonly perSecond: number;
  readonly inFlight: number;
  readonly docs: string | null;
}
interface Edge {
  readonly from: string;
  readonly to: string;
  readonly total: number;
  readonly perSecond: number;
}

describe('the views of the admin plane', () => {
  const cluster = useCluster({
    config: VIEWED,
    env: { ADMIN_TOKEN, LOG_LEVEL: 'warn' },
  });
  const read = async <T>(path: string): Promise<T> =>
    json<T>(await get(`${cluster.adminUrl}${path}`, AUTHORIZED));
  /** Sends requests until the test no longer needs them. */
  const underLoad = async <T>(test: () => Promise<T>): Promise<T> => {
    const wires = await Promise.all(Array.from({ length: 4 }, () => Wire.open(cluster.url)));
    let isWanted = true;
    const load = wires.map(async (wire) => {
      while (isWanted) await wire.request('GET', '/calls');
    });
    try {
      return await test();
    } finally {
      isWanted = false;
      await Promise.all(load);
      for (const wire of wires) wire.destroy();
    }
  };

  it('need the token, and refuse pages of other sites and forged hosts', async () => {
    for (const path of [...PATHS, '/events']) {
      await expectProblem(await get(`${cluster.adminUrl}${path}`), 401, 'UNAUTHORIZED');
    }
    const foreign = await get(`${cluster.adminUrl}/overview`, {
      ...AUTHORIZED,
      origin: 'http://evil.example',
    });
    await expectProblem(foreign, 403, 'CROSS_SITE');
    for (const headers of [{ origin: 'http://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
      const reload = await fetch(`${cluster.adminUrl}/workers/reload`, {
        method: 'POST',
        headers: { ...AUTHORIZED, ...headers } as Record<string, string>,
      });
      await expectProblem(reload, 403, 'CROSS_SITE');
    }
    const workers = await read<{ generation: number }[]>('/workers');
    expect(new Set(workers.map(({ generation }) => generation))).to.deep.equal(new Set([1]));
    const wire = await Wire.open(cluster.adminUrl);
    // It names the host "test".
    const forged = await wire.request('GET', '/overview', [`Authorization: Bearer ${ADMIN_TOKEN}`]);
    expect(forged?.status).to.equal(403);
    wire.destroy();
  });

  it('name the folder of the project that the process runs', async () => {
    const { process: running } = await read<{ process: { folder: string } }>('/overview');
    expect(running.folder).to.equal(dirname(VIEWED));
  });

  it('serve the page to every client, which may load nothing from elsewhere', async () => {
    const page = await get(`${cluster.adminUrl}/`);
    expect(page.headers.get('content-security-policy')).to.equal(
      "default-src 'self'; frame-ancestors 'none'",
    );
    expect([200, 404]).to.include(page.status);
    await page.body?.cancel();
  });

  it('show what moves under load: rates, routes, and who calls whom', async () => {
    await underLoad(async () => {
      const overview = await until(
        () => read<Overview>('/overview'),
        ({ requests, latencyMs }) => requests.perSecond > 0 && latencyMs.p50 !== null,
      );
      expect(overview.requests.total).to.be.above(0);
      expect(overview.windowS).to.be.within(0.1, 30);
      expect(overview.saturation.map(({ name }) => name)).to.deep.equal([
        ...['in-flight requests', 'event loops', 'heap', 'connections', 'CPU pool', 'CPU queue'],
        ...['database connections', 'pending bodies', 'buffered bodies', 'open streams'],
      ]);
      const { items } = await read<{ items: RouteItem[] }>('/routes?search=/calls');
      expect(items[0]).to.include({ method: 'GET', route: '/calls', service: 'front' });
      expect(items[0]!.perSecond).to.be.above(0);
      expect(items[0]!.docs).to.equal(`${cluster.url}/docs#/front/get_calls`);
      const { edges } = await read<{ edges: Edge[] }>('/calls');
      const called = edges.find(({ from, to }) => from === 'front' && to === 'inner');
      expect(called?.perSecond, JSON.stringify(edges)).to.be.above(0);
      const fromClients = edges.find(({ from, to }) => from === 'Clients' && to === 'front');
      expect(fromClients?.total).to.be.above(0);
    });
    const { services } = { services: await read<{ items: object[] }>('/services') };
    expect(services.items).to.have.length(2);
    const text = await (await get(`${cluster.adminUrl}/metrics`, AUTHORIZED)).text();
    expect(text).to.match(
      /^multilane_calls_total\{from="front",to="inner",target="own",outcome="ok"\} \d+$/m,
    );
  });

  it('count the requests of a route that are in flight, by its template', async () => {
    const wires = await Promise.all(Array.from({ length: 3 }, () => Wire.open(cluster.url)));
    for (const [id, wire] of wires.entries()) void wire.request('GET', `/held/${id}`).catch(() => undefined);
    const held = async (): Promise<number> => {
      const { items } = await read<{ items: RouteItem[] }>('/routes?search=/held/');
      return items[0]!.inFlight;
    };
    try {
      expect(await until(held, (count) => count === 3)).to.equal(3);
    } finally {
      for (const wire of wires) wire.destroy();
    }
    expect(await until(held, (count) => count === 0)).to.equal(0);
  });

  it('name a route that fails, among the problems', async () => {
    const wire = await Wire.open(cluster.url);
    const fail = () => wire.request('GET', '/failing');
    const { problems } = await until(
      async () => {
        for (let n = 0; n < 4; n++) await fail();
        return read<Overview>('/overview');
      },
      (overview) => overview.problems.some(({ id }) => id === 'errors:GET /failing'),
    );
    wire.destroy();
    expect(problems.find(({ id }) => id === 'errors:GET /failing')).to.include({
      ...{ severity: 'critical', title: '100 % of the requests of GET /failing fail' },
      page: '#/route?method=GET&route=%2Ffailing',
    });
  });

  it('say in words what an operator has switched', async () => {
    const changed = await fetch(`${cluster.adminUrl}/switches/routes`, {
      method: 'PUT',
      headers: { ...AUTHORIZED, 'content-type': 'application/json' },
      body: JSON.stringify({ method: 'GET', route: '/quick', state: 'off', reason: 'too slow' }),
    });
    expect(changed.status).to.equal(200);
    const { problems } = await read<Overview>('/overview');
    expect(problems.find(({ id }) => id === 'route-off:GET /quick')).to.deep.include({
      ...{ severity: 'info', title: 'GET /quick is switched off', page: '#/switches' },
      detail: 'An operator has switched it off: too slow. Its requests get 503.',
    });
    const { items } = await read<{ items: { route: string; off: boolean }[] }>('/routes');
    expect(items.find(({ route }) => route === '/quick')?.off).to.equal(true);
  });

  it('show the settings as --check does, without secrets', async () => {
    const { items } = await read<{ items: { name: string; value: string; source: string }[] }>('/settings');
    const byName = new Map(items.map((item) => [item.name, item]));
    expect(byName.get('ADMIN_TOKEN')).to.include({ value: '***', source: 'ADMIN_TOKEN' });
    expect(byName.get('WORKERS')).to.include({ value: '2' });
    expect(JSON.stringify(items)).not.to.include(ADMIN_TOKEN);
  });

  it('send events of the topics that a stream names, at once and then again', async () => {
    const topics = 'overview,routes,workers,services,calls,breakers,limits,cpu';
    const seen = await eventsOf(`${cluster.adminUrl}/events?topics=${topics}`, 20);
    for (const topic of topics.split(',')) {
      const found = seen.filter(({ event }) => event === topic);
      expect(found.length, topic).to.be.at.least(2);
    }
    const { saturation } = JSON.parse(seen.find(({ event }) => event === 'overview')!.data) as Overview;
    expect(saturation.length).to.equal(10);
    await expectProblem(
      await get(`${cluster.adminUrl}/events?topics=overview,nothing`, AUTHORIZED),
      422,
      'VALIDATION_FAILED',
    );
  });

  it('refuse bad pages', async () => {
    const at = (query: string): Promise<Response> => get(`${cluster.adminUrl}/routes?${query}`, AUTHORIZED);
    await expectProblem(await at('limit=0'), 422, 'VALIDATION_FAILED');
    await expectProblem(await at('cursor=x'), 422, 'BAD_CURSOR');
  });
});

interface SentEvent {
  readonly event: string;
  readonly data: string;
}

/** Reads a stream until it has sent this number of events. */
async function eventsOf(url: string, count: number): Promise<SentEvent[]> {
  const response = await get(url, AUTHORIZED);
  expect(response.headers.get('content-type')).to.equal('text/event-stream; charset=utf-8');
  const events: SentEvent[] = [];
  let text = '';
  const decoder = new TextDecoder();
  for await (const piece of response.body!) {
    text += decoder.decode(piece as Uint8Array, { stream: true });
    const frames = text.split('\n\n');
    text = frames.pop()!;
    for (const frame of frames) {
      const [, event, data] = /^event: (.*)\ndata: (.*)$/.exec(frame) ?? [];
      if (event !== undefined) events.push({ event, data: data! });
    }
    if (events.length >= count) break;
  }
  return events;
}
