// A limit over processes whose registry cannot be reached: for a minute, and for longer.
import { expect } from 'chai';
import { startProxy, type Proxy as TcpProxy } from '../db/fixtures/proxy.js';
import { get, json } from '../support/client.js';
import { type Cluster, startCluster } from '../support/cluster.js';
import { evenLoad } from '../support/even-load.js';
import { startTestPostgres } from '../support/postgres.js';
import { until } from '../support/until.js';
import { LIMITED } from './fixtures/paths.js';

const OUTAGE_MS = 60_000;
const N = 100;

describe('a limit over processes without its registry', () => {
  let proxy: TcpProxy;
  const processes: Cluster[] = [];
  before(async () => {
    proxy = await startProxy(await (await startTestPostgres()).createDatabase('outage'));
    for (let n = 0; n < 2; n++)
      processes.push(await startCluster({ config: LIMITED, env: { WORKERS: '1', REGISTRY: proxy.url } }));
  });
  after(async () => {
    for (const each of processes) await each.dispose();
    await proxy?.close();
  });
  const statuses = (path: string): Promise<number[]> =>
    Promise.all(processes.map(async ({ url }) => (await get(url + path)).status));

  it('changes nothing for a minute, then ends on limited routes only, and comes back', async () => {
    await until(
      () => statuses('/limited'),
      (seen) => seen.every((status) => status === 200),
    );
    await proxy.refuse();
    const loads = processes.map(({ url }) =>
      evenLoad({ url, path: '/limited', perSecond: 1.5 * N, forMs: OUTAGE_MS, connections: 16 }),
    );
    const responses = (await Promise.all(loads)).flatMap((load) => load.responses);
    expect([...new Set(responses.map(({ status }) => status))]).to.have.members([200, 429]);
    const admitted = responses.filter(({ status }) => status === 200).length;
    expect(admitted / (OUTAGE_MS / 1000)).to.be.within(0.9 * N, N + 1);

    await until(
      () => statuses('/limited'),
      (seen) => seen.every((status) => status === 503),
      OUTAGE_MS,
    );
    expect(await json(await get(`${processes[0]!.url}/limited`), 503)).to.include({ code: 'STARTING' });
    for (const path of ['/', '/health', '/ready']) expect(await statuses(path)).to.deep.equal([200, 200]);

    await proxy.listen();
    await until(
      () => statuses('/limited'),
      (seen) => seen.every((status) => status === 200),
    );
  });
});
