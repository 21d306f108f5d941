// A worker that has failed has a successor without connections, and its clients are on the other workers.
// Those close connections beyond their share, so that clients come back to the successor, in both ways in
// which connections are assigned to workers.
import { expect } from 'chai';
import { isLevel } from '#src/cluster/surplus.js';
import { get } from '#test/support/client.js';
import { type Cluster, startCluster } from '#test/support/cluster.js';
import { SHARDINGS } from '#test/support/core.js';
import { type KeepAliveLoad, keepAliveLoad } from '#test/support/keep-alive-load.js';
import { servesEveryConnection, type WorkerView, workersOf } from '#test/support/rolling.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';
import { HAZARDS } from './fixtures/paths.js';

interface Holder extends WorkerView {
  readonly connections: number;
}

const METRIC = 'multilane_rebalance_connections_closed_total';
/** This number of requests without a close shows that the rebalancing is over. */
const QUIET_REQUESTS = 10_000;

for (const sharding of SHARDINGS) {
  describe(`SHARDING=${sharding}: connections of a worker that has failed`, () => {
    let cluster: Cluster;
    let load: KeepAliveLoad | undefined;
    before(async function () {
      this.timeout(30_000);
      if (sharding === 'reuseport' && process.platform !== 'linux') this.skip();
      cluster = await startCluster({ config: HAZARDS, env: { SHARDING: sharding } });
    });
    after(async function () {
      this.timeout(30_000);
      await load?.stop();
      await cluster?.dispose();
    });

    const workers = async (): Promise<Holder[]> => (await workersOf(cluster)) as Holder[];
    const generations = (list: readonly Holder[]): number =>
      list.reduce((sum, { generation }) => sum + generation, 0);
    const closed = async (): Promise<number> => {
      const text = await (await get(`${cluster.adminUrl}/metrics`)).text();
      return Number(new RegExp(`^${METRIC} (\\d+)$`, 'm').exec(text)?.[1]);
    };
    const fail = async (): Promise<void> => {
      const wire = await Wire.open(cluster.url);
      await wire.request('GET', '/uncaught');
      wire.destroy();
    };
    const held = (list: readonly Holder[]): number[] => list.map(({ connections }) => connections);

    for (const clients of [8, 150]) {
      it(`are spread again: ${clients} clients that keep theirs, none of which loses a request`, async function () {
        this.timeout(60_000);
        load = keepAliveLoad(cluster.url, ['/thread'], clients);
        // A listener that closes resets connections that it has not accepted (tcp_migrate_req); nothing else
        // may be lost.
        if (!servesEveryConnection(sharding)) load.drainBegins();
        await load.answered(10 * clients);
        const [before, closedBefore] = [generations(await workers()), await closed()];
        await fail();
        const isSpread = (list: readonly Holder[]): boolean =>
          list.length === 2 &&
          generations(list) > before &&
          list.every(({ state }) => state === 'ready') &&
          isLevel(held(list)) &&
          held(list).reduce((sum, one) => sum + one, 0) === clients;
        const spread = await until(workers, isSpread);
        expect(isSpread(spread), JSON.stringify(spread)).to.equal(true);
        expect(Math.max(...held(spread))).to.be.at.most((1.25 * clients) / 2);

        const closedBy = async (requests: number): Promise<number> => {
          const before = await closed();
          await load!.answered(load!.account.answered + requests);
          return (await closed()) - before;
        };
        const isQuiet = (count: number): boolean => count === 0;
        expect(await until(() => closedBy(QUIET_REQUESTS), isQuiet), 'closed without a need').to.equal(0);
        const moved = (await closed()) - closedBefore;
        expect(moved).to.be.above(0);
        await load.stop();
        expect(load.account.lost).to.deep.equal([]);
        expect(load.account.refused).to.equal(0);
        expect(Object.keys(load.account.statuses)).to.deep.equal(['200']);
        if (sharding === 'acceptor') {
          expect(load.account.untaken).to.equal(0);
          expect(moved, 'no more than the surplus').to.be.at.most(clients / 2);
        }
      });
    }
  });
}
