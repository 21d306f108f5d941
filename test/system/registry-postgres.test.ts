// Three processes that share a registry in PostgreSQL: one calls a service of which the others are instances.
import { expect } from 'chai';
import { startProxy, type Proxy as TcpProxy } from '../db/fixtures/proxy.js';
import { get, json } from '../support/client.js';
import { type Cluster, launchCluster, newDataDir, startCluster } from '../support/cluster.js';
import { startTestPostgres } from '../support/postgres.js';
import { until } from '../support/until.js';
import { CALLING, PLAIN } from './fixtures/paths.js';

/** Instances of a process that was killed have left after one and a half times the time of a lease. */
const GONE_MS = 1.5 * 15_000;

interface Listed {
  readonly instances: readonly { readonly id: string; readonly state: string }[];
}

describe('processes with a common registry in PostgreSQL', () => {
  let proxy: TcpProxy;
  let caller: Cluster;
  let others: Cluster[] = [];
  before(async () => {
    const server = await startTestPostgres();
    const url = await server.createDatabase('registry');
    proxy = await startProxy(url);
    const start = (config: string, registry: string): Promise<Cluster> =>
      startCluster({ config, env: { WORKERS: '1', REGISTRY: registry } });
    // One after the other, because they share the processors with the tests.
    caller = await start(CALLING, proxy.url);
    others = [await start(PLAIN, url), await start(PLAIN, url)];
  });
  after(async () => {
    for (const each of [caller, ...others]) await each?.dispose();
    await proxy.close();
  });

  const states = async (): Promise<string[]> => {
    const { instances } = await json<Listed>(await get(`${caller.adminUrl}/registry/v1/services/plain`));
    return instances.map(({ state }) => state);
  };
  const call = async (): Promise<number | string | undefined> => {
    const url = `${caller.url}/call/plain/?retries=2&timeoutMs=5000`;
    const { status, code } = await json<{ status?: number; code?: string }>(await get(url));
    return status ?? code;
  };

  it('call each other', async () => {
    expect(await until(states, (seen) => seen.length === 2)).to.deep.equal(['healthy', 'healthy']);
    for (let n = 0; n < 20; n += 1) expect(await call()).to.equal(200);
  });

  it('go on with what they know while the registry cannot be reached, and report that', async () => {
    await proxy.refuse();
    const reasons = async (): Promise<string> => await (await get(`${caller.adminUrl}/readyz`)).text();
    const reported = await until(reasons, (text) => text.includes('registry'));
    expect(reported).to.include('"ready"').and.to.include('the registry (postgres) cannot be reached');
    const up = async (): Promise<string | undefined> =>
      /^multilane_registry_up\{.*$/m.exec(await (await get(`${caller.adminUrl}/metrics`)).text())?.[0];
    expect(await up()).to.equal('multilane_registry_up{registry="postgres"} 0');
    for (let n = 0; n < 20; n += 1) expect(await call()).to.equal(200);
    await proxy.listen();
    await until(up, (line) => line?.endsWith(' 1') === true);
  });

  it('fail no call when one of them is killed, and forget it in time', async () => {
    others[0]!.signal('SIGKILL');
    const since = performance.now();
    let failed = 0;
    const seen = await until(
      async () => {
        for (let n = 0; n < 10; n += 1) if ((await call()) !== 200) failed += 1;
        return states();
      },
      (known) => known.length === 1,
      2 * GONE_MS,
    );
    expect([seen, failed]).to.deep.equal([['healthy'], 0]);
    expect(performance.now() - since).to.be.below(GONE_MS);
  }).timeout(60_000);

  it('forget one that ends at once', async () => {
    await others[1]!.stop();
    expect(await states()).to.deep.equal([]);
  });

  it('refuse an address that is no registry, and show no password', async () => {
    const dataDir = newDataDir();
    const env = { REGISTRY: 'consul://root:hunter2@127.0.0.1:8500' };
    const launched = launchCluster({ config: PLAIN, env, dataDir });
    const { code } = await launched.exited;
    expect(code).to.equal(78);
    expect(launched.stderr.join('\n')).to.include('REGISTRY').and.not.to.include('hunter2');
    await launched.dispose();
  });
});
