// The users service calls the orders service in one process, over HTTP, and on another machine: with the same
// response. All processes have the same databases, so even ids and times are the same.
import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { startPostgres, type TestPostgres } from '#src/testing/postgres.js';
import { get, json, post, uniqueEmail } from '#test/support/client.js';
import { type Cluster, startCluster } from '#test/support/cluster.js';
import { type Machine, makeTwoMachines, needsNamespaces } from '#test/support/two-machines.js';
import { until } from '#test/support/until.js';

describe('the orders of a user', function () {
  this.timeout(60_000);
  let postgres: TestPostgres;
  let path: string;
  let expected: string;

  const start = (env: Readonly<Record<string, string>>, within: readonly string[] = []): Promise<Cluster> =>
    startCluster({
      env: { SERVICES: 'users,orders', WORKERS: '1', DATABASE_URL: postgres.url, ...env },
      within,
    });

  before(async () => {
    postgres = await startPostgres();
    const shop = await start({});
    const body = { name: 'Ada', email: uniqueEmail() };
    const { id } = await json<{ id: number }>(await post(`${shop.url}/api/users`, body), 201);
    for (const productId of [7, 8])
      await json(await post(`${shop.url}/api/orders`, { userId: id, productId, quantity: 1 }), 201);
    path = `/api/users/${id}`;
    expected = await (await get(`${shop.url}${path}`)).text();
    await shop.dispose();
  });
  after(() => postgres?.stop());

  it('are in the response where both services are in one process', () => {
    expect(JSON.parse(expected).orders).to.have.length(2);
  });

  for (const transport of ['http', 'grpc'])
    it(`are the same where the call goes over ${transport}`, async () => {
      const shop = await start({ ORDERS_TRANSPORT: transport });
      expect(await (await get(`${shop.url}${path}`)).text()).to.equal(expected);
      await shop.dispose();
    });

  describe('whose services are on two machines', () => {
    let remove: (() => void) | undefined;
    const clusters: Cluster[] = [];
    let machines: readonly [Machine, Machine];
    before(async function () {
      needsNamespaces(this);
      ({ machines, remove } = makeTwoMachines());
      for (const [at, SERVICES] of ['users', 'orders'].entries()) {
        const { address, within } = machines[at]!;
        const env = { SERVICES, HOST: address, ADVERTISE_HOST: address, REGISTRY: postgres.url };
        clusters.push(await start(env, within));
      }
    });
    after(async () => {
      for (const cluster of clusters) await cluster.dispose();
      remove?.();
    });

    it('are the same', async () => {
      const [program, ...args] = [...machines[0].within, 'curl', '-s', `${clusters[0]!.url}${path}`];
      const ask = (): string => execFileSync(program!, args, { encoding: 'utf8' });
      expect(await until(ask, (body) => !body.includes('degraded'))).to.equal(expected);
    });
  });
});
