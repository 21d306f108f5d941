import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { get, json, put } from '#test/support/client.js';
import { expectProblem } from '#test/support/problem.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';
import { useSharedShop } from './shop.js';

interface WorkerView {
  readonly id: number;
  readonly kind: string;
  readonly generation: number;
  readonly state: string;
  readonly requests: number;
}
interface InstanceView {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly state: string;
}

describe('the admin plane', () => {
  const shop = useSharedShop();
  const admin = (path: string): string => `${shop.adminUrl}${path}`;
  const metrics = async (): Promise<string> => (await get(admin('/metrics'))).text();
  const workers = async (): Promise<WorkerView[]> => json(await get(admin('/workers')));

  it('lists the workers of both kinds, and those of HTTP serve', async () => {
    const before = await workers();
    expect(before.map(({ kind }) => kind)).to.deep.equal(['http', 'http', 'grpc']);
    for (const worker of before) {
      expect(worker).to.include.all.keys(
        ...['id', 'kind', 'generation', 'state', 'startedAt', 'connections', 'inFlight', 'requests'],
        ...['loopUtilization', 'loopDelayP99Ms', 'heapUsedMb', 'current'],
      );
    }
    const wires = await Promise.all(Array.from({ length: 8 }, () => Wire.open(shop.url)));
    for (const wire of wires) expect((await wire.request('GET', '/health'))?.status).to.equal(200);
    for (const wire of wires) wire.destroy();
    const after = await workers();
    const grown = after
      .filter(({ kind }) => kind === 'http')
      .map((worker, index) => worker.requests - (before[index]?.requests ?? 0));
    expect(grown.reduce((sum, count) => sum + count, 0)).to.be.at.least(8);
    for (const count of grown) expect(count).to.be.at.least(1);
  });

  describe('at /metrics', () => {
    it('is accepted by promtool check metrics', async function () {
      if (spawnSync('promtool', ['--version']).error !== undefined) {
        this.test!.title += ' (promtool is not installed: Debian package prometheus)';
        this.skip();
      }
      const { status, stderr, stdout } = spawnSync('promtool', ['check', 'metrics'], {
        input: await metrics(),
        encoding: 'utf8',
      });
      expect(status, stdout + stderr).to.equal(0);
      expect(stdout + stderr).to.equal('');
    });

    it('sends the Prometheus text format, and OpenMetrics when the client accepts it', async () => {
      expect((await get(admin('/metrics'))).headers.get('content-type')).to.match(
        /^text\/plain; version=0\.0\.4/,
      );
      const open = await get(admin('/metrics'), { accept: 'application/openmetrics-text; version=1.0.0' });
      expect(open.headers.get('content-type')).to.match(/^application\/openmetrics-text/);
      expect((await open.text()).trimEnd()).to.match(/# EOF$/);
    });

    it('counts every request once, over all workers, by route template', async () => {
      const pattern =
        /^http_server_request_duration_seconds_count\{[^}]*http_route="\/api\/users\/\{id\}\/orders"[^}]*\} (\d+)$/gm;
      const count = async (): Promise<number> =>
        [...(await metrics()).matchAll(pattern)].reduce((sum, [, value]) => sum + Number(value), 0);
      const before = await count();
      const N = 40;
      await Promise.all(
        Array.from({ length: N }, async (_, id) => {
          const wire = await Wire.open(shop.url);
          expect((await wire.request('GET', `/api/users/${id + 1}/orders`))?.status).to.equal(200);
          wire.destroy();
        }),
      );
      // A worker counts a request just after it has sent the response.
      const grown = await until(
        async () => (await count()) - before,
        (difference) => difference >= N,
      );
      expect(grown).to.equal(N);
    });

    it('has the buckets and labels of the OpenTelemetry conventions', async () => {
      await get(`${shop.url}/health`);
      const text = await metrics();
      const line = text
        .split('\n')
        .find(
          (row) => row.startsWith('http_server_request_duration_seconds_bucket') && row.includes('"/health"'),
        );
      expect(line).to.match(/http_request_method="GET"/);
      expect(line).to.match(/http_response_status_code="200"/);
      expect(line).to.match(/url_scheme="http"/);
      const edges = new Set(
        [...text.matchAll(/request_duration_seconds_bucket\{[^}]*le="([^"]+)"/g)].map((m) => m[1]),
      );
      expect([...edges]).to.have.members(
        '0.005 0.01 0.025 0.05 0.075 0.1 0.25 0.5 0.75 1 2.5 5 7.5 10 +Inf'.split(' '),
      );
    });

    it('has the process metrics of prom-client and those of Multilane', async () => {
      const text = await metrics();
      for (const name of [
        'process_cpu_seconds_total',
        'process_resident_memory_bytes',
        'nodejs_version_info',
        'multilane_workers',
        'multilane_registry_instances',
        'multilane_breaker_state',
        'multilane_sagas_total',
        'db_client_operation_duration_seconds_count',
      ]) {
        expect(text, name).to.match(new RegExp(`^${name}[ {]`, 'm'));
      }
    });
  });

  describe('as the registry', () => {
    const services = '/registry/v1/services';
    const instance = (id: string): string => admin(`${services}/guests/instances/${id}`);
    const guests = async (): Promise<InstanceView[]> => {
      const { instances } = await json<{ instances: InstanceView[] }>(await get(admin(`${services}/guests`)));
      return instances;
    };

    it('lists a local instance of every mounted service', async () => {
      const { services: counts } = await json<{ services: Record<string, number> }>(
        await get(admin(services)),
      );
      // The orders service serves gRPC as well.
      expect(counts).to.include({ users: 1, orders: 2, payments: 1, checkout: 1 });
      const { instances } = await json<{ instances: InstanceView[] }>(await get(admin(`${services}/users`)));
      expect(instances[0]).to.include({
        host: '127.0.0.1',
        port: Number(new URL(shop.url).port),
        state: 'healthy',
      });
    });

    it('responds 201 to a registration, 200 to a replacement, 204 to a heartbeat and to a removal', async () => {
      expect((await put(instance('a'), { host: '127.0.0.1', port: 4000 })).status).to.equal(201);
      expect((await put(instance('a'), { host: '127.0.0.1', port: 4001 })).status).to.equal(200);
      expect((await guests()).map(({ id, port }) => ({ id, port }))).to.deep.equal([{ id: 'a', port: 4001 }]);
      expect((await put(`${instance('a')}/heartbeat`)).status).to.equal(204);
      await expectProblem(await put(`${instance('unknown')}/heartbeat`), 404, 'NOT_FOUND');
      expect((await fetch(instance('a'), { method: 'DELETE' })).status).to.equal(204);
      await expectProblem(await put(`${instance('a')}/heartbeat`), 404, 'NOT_FOUND');
    });

    it('removes an instance that is not renewed in time', async function () {
      this.timeout(15_000);
      await put(instance('short'), { host: '127.0.0.1', port: 4000, ttlSeconds: 1 });
      expect((await guests()).map(({ id }) => id)).to.include('short');
      const left = await until(guests, (list) => list.every(({ id }) => id !== 'short'), 10_000);
      expect(left.map(({ id }) => id)).to.not.include('short');
    });

    for (const host of ['169.254.169.254', '8.8.8.8', '0.0.0.0', '::ffff:169.254.169.254']) {
      it(`refuses the address ${host}`, async () => {
        await expectProblem(await put(instance('bad'), { host, port: 4000 }), 403, 'ADDRESS_NOT_ALLOWED');
      });
    }

    it('refuses an instance at its own admin address', async () => {
      const port = Number(new URL(shop.adminUrl).port);
      for (const host of ['127.0.0.1', 'localhost', '127.1.2.3']) {
        const response = await put(instance('self'), { host, port });
        expect([403, 422], host).to.include(response.status);
      }
    });

    it('refuses bad names, ports and times with 422', async () => {
      const good = { host: '127.0.0.1', port: 4000 };
      for (const [url, body] of [
        [admin(`${services}/UPPER/instances/a`), good],
        [instance('a%20b'), good],
        [instance('a'), { ...good, port: 70_000 }],
        [instance('a'), { ...good, ttlSeconds: 0 }],
        [instance('a'), { ...good, ttlSeconds: 3601 }],
      ] as const) {
        await expectProblem(await put(url, body), 422, 'VALIDATION_FAILED');
      }
    });
  });

  it('refuses a foreign Host, a foreign Origin and a cross-site request with 403', async () => {
    const wire = await Wire.open(shop.adminUrl);
    wire.write('GET /workers HTTP/1.1\r\nHost: evil.example\r\n\r\n');
    expect((await wire.response())?.status).to.equal(403);
    wire.destroy();
    await expectProblem(await get(admin('/workers'), { origin: 'https://evil.example' }), 403, 'CROSS_SITE');
    await expectProblem(await get(admin('/workers'), { 'sec-fetch-site': 'cross-site' }), 403, 'CROSS_SITE');
  });

  it('responds with a problem document to an unknown path or method', async () => {
    await expectProblem(await get(admin('/nowhere')), 404, 'ROUTE_NOT_FOUND');
    await expectProblem(await fetch(admin('/workers'), { method: 'PATCH' }), 405, 'METHOD_NOT_ALLOWED');
  });
});
