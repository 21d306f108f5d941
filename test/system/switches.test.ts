import { expect } from 'chai';
import { get, json, put } from '#test/support/client.js';
import { type Cluster, startCluster } from '#test/support/cluster.js';
import { Collector } from '#test/support/collector.js';
import { expectProblem } from '#test/support/problem.js';
import { reload } from '#test/support/rolling.js';
import { until } from '#test/support/until.js';
import { WebSocketClient } from '#test/support/websocket-client.js';
import { Wire } from '#test/support/wire.js';
import { samplesOf } from '#test/telemetry/exposition.js';
import { SWITCHED } from './fixtures/paths.js';

/** Rounds of a switch and an immediate request: enough to catch a worker that sees the switch late. */
const ROUNDS = 20;

describe('the operator switches of a process with two workers', () => {
  let cluster: Cluster;
  let collector: Collector;
  /** Connections to every worker. */
  let wires: Wire[];

  before(async () => {
    collector = await Collector.start();
    cluster = await startCluster({
      config: SWITCHED,
      // A worker that gets no core must not be replaced.
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_TRACES_SAMPLER_ARG: '0',
        STALL_MS: '20000',
      },
    });
    wires = await toEveryWorker();
  });
  after(async () => {
    for (const wire of wires) wire.destroy();
    await cluster.dispose();
    await collector.close();
  });

  async function toEveryWorker(): Promise<Wire[]> {
    const byThread = new Map<number, Wire>();
    while (byThread.size < 2) {
      const wire = await Wire.open(cluster.url);
      const { thread } = JSON.parse(String((await wire.request('GET', '/thread'))!.body)) as {
        thread: number;
      };
      byThread.get(thread)?.destroy();
      byThread.set(thread, wire);
    }
    return [...byThread.values()];
  }
  /** Sends the same request to every worker at once. */
  const ask = (path: string, method = 'GET', fields: string[] = []) =>
    Promise.all(
      wires.map(async (wire) => {
        const response = await wire.request(method, path, fields);
        return { status: response!.status, headers: response!.headers, body: String(response!.body) };
      }),
    );
  const statuses = async (path: string, method?: string): Promise<number[]> =>
    (await ask(path, method)).map(({ status }) => status);
  const turn = async <T>(what: string, body: unknown): Promise<T> =>
    json<T>(await put(`${cluster.adminUrl}/${what}`, body));
  const switchRoute = (route: string, state: string) =>
    turn('switches/routes', { method: 'GET', route, state });

  it('turn a route off and on for the next request of every worker', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      await switchRoute('/items/:id', 'off');
      expect(await statuses('/items/1')).to.deep.equal([503, 503]);
      expect(await statuses('/thread')).to.deep.equal([200, 200]);
      await switchRoute('/items/{id}', 'on');
      expect(await statuses('/items/1', round % 2 === 0 ? 'GET' : 'HEAD')).to.deep.equal([200, 200]);
    }
    const metrics = await (await get(`${cluster.adminUrl}/metrics`)).text();
    expect(metrics).to.include(`multilane_requests_shed_total{reason="switched_off"} ${2 * ROUNDS}\n`);
    const counted = samplesOf(metrics).filter(
      ({ name, labels }) =>
        name === 'http_server_request_duration_seconds_count' && labels.error_type === 'SWITCHED_OFF',
    );
    expect(counted.map(({ labels }) => labels.http_route)).to.deep.equal(['/items/{id}']);
    expect(counted.map(({ value }) => value)).to.deep.equal([2 * ROUNDS]);
  });

  it('turn a route off for in-process calls and WebSockets, with a problem that has a Retry-After', async () => {
    await turn('switches/routes', { method: 'GET', route: '/inner', state: 'off', retryAfterSeconds: 7 });
    for (const { status, body } of await ask('/calls')) {
      expect(status).to.equal(503);
      expect(JSON.parse(body)).to.include({ code: 'OVERLOADED' });
    }
    expect((await ask('/inner')).map(({ headers }) => headers['retry-after'])).to.deep.equal(['7', '7']);
    await switchRoute('/inner', 'on');
    expect(await statuses('/calls')).to.deep.equal([200, 200]);

    await switchRoute('/room/:room', 'off');
    const refused = await WebSocketClient.connect(`${cluster.url}/room/a`).catch(String);
    expect(refused).to.include('503');
    await switchRoute('/room/:room', 'on');
    const client = await WebSocketClient.connect(`${cluster.url}/room/a`);
    expect(await client.next()).to.equal('hello');
    client.destroy();
  });

  it('set the log level of every worker, also in loggers that were made before', async () => {
    const logged = (): Record<string, unknown>[] => cluster.logs();
    const lines = async (what: string): Promise<string[]> => {
      await ask(`/say/${what}`);
      const all = await until(
        async () => logged().filter(({ msg }) => String(msg).startsWith(`${what} `)),
        (now) => now.filter(({ msg }) => msg === `${what} end`).length === 2,
        5_000,
      );
      return all.map(({ msg, worker }) => `${String(worker)} ${String(msg).slice(what.length + 1)}`).sort();
    };
    expect(await lines('before')).to.deep.equal(['1 end', '2 end']);
    await turn('switches/log-level', { level: 'debug', reason: 'looking for something' });
    const loud = ['1 boot', '1 end', '1 request', '2 boot', '2 end', '2 request'];
    expect(await lines('debug')).to.deep.equal(loud);
    await turn('switches/log-level', { level: 'error' });
    expect(await lines('error')).to.deep.equal(['1 end', '2 end']);
    await turn('switches/log-level', { level: 'auto' });
    expect(await lines('after')).to.deep.equal(['1 end', '2 end']);
    const changes = logged().filter((line) => line.switch === 'log level');
    expect(changes.map(({ from, to }) => `${String(from)} ${String(to)}`)).to.deep.equal([
      'info debug',
      'debug error',
      'error info',
    ]);
    expect(changes[0]).to.include({ level: 40, reason: 'looking for something' });
  });

  it('set the sampled share of traces that begin in this process', async () => {
    const flags = async (fields: string[] = []): Promise<string[]> =>
      (await ask('/calls', 'GET', fields)).map(({ body }) =>
        (JSON.parse(body) as { traceparent: string }).traceparent.slice(-2),
      );
    const parent = `traceparent: 00-${'a'.repeat(32)}-${'b'.repeat(16)}`;
    for (let round = 0; round < ROUNDS; round++) {
      await turn('switches/sampling', { ratio: 1 });
      expect(await flags()).to.deep.equal(['01', '01']);
      expect(await flags([`${parent}-00`])).to.deep.equal(['00', '00']);
      await turn('switches/sampling', { ratio: 'auto' });
      expect(await flags()).to.deep.equal(['00', '00']);
      expect(await flags([`${parent}-01`])).to.deep.equal(['01', '01']);
    }
  });

  it('force a breaker for the next call of every worker', async () => {
    const { items } = await json<{ items: { service: string; instance: string }[] }>(
      await get(`${cluster.adminUrl}/breakers`),
    );
    const { instance } = items.find(({ service }) => service === 'inner')!;
    for (let round = 0; round < ROUNDS; round++) {
      await turn(`breakers/inner/${instance}`, { force: 'open' });
      for (const { status, body } of await ask('/calls')) {
        expect(status).to.equal(503);
        expect(JSON.parse(body)).to.include({ code: 'BREAKER_OPEN' });
      }
      await turn(`breakers/inner/${instance}`, { force: 'auto' });
      expect(await statuses('/calls')).to.deep.equal([200, 200]);
    }
  });

  it('apply to workers that start later', async () => {
    await switchRoute('/items/:id', 'off');
    await turn('switches/sampling', { ratio: 1 });
    for (const wire of wires) wire.destroy();
    expect((await reload(cluster)).status).to.equal(202);
    const workers = async () =>
      json<{ generation: number; state: string }[]>(await get(`${cluster.adminUrl}/workers`));
    const isNew = ({ generation, state }: { generation: number; state: string }): boolean =>
      generation === 2 && state === 'ready';
    await until(workers, (all) => all.length === 2 && all.every(isNew));
    wires = await toEveryWorker();
    expect(await statuses('/items/1')).to.deep.equal([503, 503]);
    expect((await ask('/calls')).every(({ body }) => body.includes('-01"'))).to.equal(true);
    await switchRoute('/items/:id', 'on');
    expect(await statuses('/items/1')).to.deep.equal([200, 200]);
  });

  it('list the known routes, and refuse unknown ones', async () => {
    const { routes } = await json<{ routes: { method: string; route: string; state: string }[] }>(
      await get(`${cluster.adminUrl}/switches`),
    );
    const shown = routes.map(({ method, route, state }) => `${method} ${route} ${state}`);
    expect(shown).to.include.members(['GET /items/{id} on', 'GET /inner on', 'GET /room/{room} on']);
    expect(shown.join()).to.not.include('/health');
    const off = { method: 'GET', state: 'off' };
    for (const route of ['/health', '/ready', '/nowhere']) {
      await expectProblem(
        await put(`${cluster.adminUrl}/switches/routes`, { ...off, route }),
        404,
        'NOT_FOUND',
      );
    }
  });
});
