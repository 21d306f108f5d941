// Reports of load between processes: who gets them, and what the calling process makes of them.
import { expect } from 'chai';
import { meshTokens } from '#src/mesh-token.js';
import { get, json, put } from '#test/support/client.js';
import { type Cluster, startCluster } from '#test/support/cluster.js';
import { TestInstance } from '#test/support/instance.js';
import { until } from '#test/support/until.js';
import { CALLING, PLAIN } from './fixtures/paths.js';

const MESH_TOKEN = 'mesh-secret-of-at-least-32-characters';
const FIELD = 'x-multilane-load';

describe('reports of load between processes', () => {
  let caller: Cluster;
  let callee: Cluster;
  const instances: TestInstance[] = [];
  before(async () => {
    [caller, callee] = await Promise.all([
      startCluster({ config: CALLING, env: { WORKERS: '2', MESH_TOKEN } }),
      startCluster({ config: PLAIN, env: { WORKERS: '2', MESH_TOKEN } }),
    ]);
    const port = Number(new URL(callee.url).port);
    const path = '/registry/v1/services/plain/instances/callee';
    await json(await put(`${caller.adminUrl}${path}`, { host: '127.0.0.1', port, ttlSeconds: 3600 }), 201);
  });
  after(async () => {
    for (const instance of instances) instance.stop();
    await Promise.all([caller.dispose(), callee.dispose()]);
  });

  const start = async (service: string, id: string, report: string): Promise<TestInstance> => {
    const instance = await TestInstance.start(caller.adminUrl, service, id);
    instances.push(instance);
    instance.behave = (_request, response) => void response.setHeader(FIELD, report).end();
    return instance;
  };
  const callOf = async (service: string): Promise<{ status?: number }> =>
    json(await get(`${caller.url}/call/${service}/`));

  it('are sent to callers with the mesh token of the service, and to no others', async () => {
    const peer = await get(callee.url, { 'x-mesh-token': meshTokens(MESH_TOKEN)('plain') });
    expect(peer.headers.get(FIELD)).to.match(/^\d+;us=\d+$/);
    expect((await get(callee.url)).headers.get(FIELD)).to.equal(null);
    const other = await get(callee.url, { 'x-mesh-token': meshTokens(MESH_TOKEN)('other') });
    expect(other.headers.get(FIELD)).to.equal(null);
  });

  it('are not passed on to the client of the caller', async () => {
    const found = await until(
      () => get(`${caller.url}/call/plain/`),
      ({ ok }) => ok,
    );
    expect(found.headers.get(FIELD)).to.equal(null);
    expect(await callOf('plain')).to.include({ status: 200 });
  });

  it('decide which instance gets calls, in all workers', async () => {
    const busy = await start('things', 'busy', '5000;us=1000');
    const idle = await start('things', 'idle', '0;us=1000');
    const both = async (): Promise<boolean> => {
      await callOf('things');
      return busy.received > 0 && idle.received > 20;
    };
    expect(await until(both, (done) => done)).to.equal(true);
    const before = [busy.received, idle.received] as const;
    const began = performance.now();
    for (let n = 0; n < 200; n++) await callOf('things');
    const seconds = (performance.now() - began) / 1000;
    // The busy one is tried now and then, because its report is valid for a second only.
    expect(busy.received - before[0]).to.be.below(0.2 * (idle.received - before[1]) + 3 * seconds);
  });

  it('are counted when they cannot be read', async () => {
    await start('garbled', 'a', 'much');
    await until(
      () => callOf('garbled'),
      ({ status }) => status === 200,
    );
    const page = await (await get(`${caller.adminUrl}/metrics`)).text();
    expect(page).to.match(/^multilane_load_reports_rejected_total\{service="garbled"\} [1-9]/m);
  });
});
