import { expect } from 'chai';
import { get } from '#test/support/client.js';
import { PRIMARY } from '#test/support/cluster.js';
import { keepAliveLoad } from '#test/support/keep-alive-load.js';
import { PACE_MS } from '#test/support/pace.js';
import { workersOf } from '#test/support/rolling.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { HAZARDS, LEAKING } from './fixtures/paths.js';

describe('a worker whose heap grows over WORKER_HEAP_MB', () => {
  // A request that gets no core must not be interrupted.
  const cluster = useCluster({ config: HAZARDS, env: { WORKER_HEAP_MB: '64', STALL_MS: '20000' } });

  it('is replaced under load, and no request is lost', async function () {
    this.timeout(60_000);
    const load = keepAliveLoad(cluster.url, ['/thread'], 4, { paceMs: PACE_MS });
    const fresh = keepAliveLoad(cluster.url, ['/thread'], 2, { paceMs: PACE_MS, perConnection: 1 });
    for (let time = 0; time < 3; time += 1) expect((await get(`${cluster.url}/leak`)).status).to.equal(200);
    const list = await until(
      () => workersOf(cluster),
      (workers) => workers.length === 2 && workers.some(({ generation }) => generation === 2),
    );
    expect(
      list.some(({ generation }) => generation === 2),
      JSON.stringify(list),
    ).to.equal(true);
    await Promise.all([load.stop(), fresh.stop()]);
    for (const { account } of [load, fresh]) {
      expect(account.lost).to.deep.equal([]);
      expect(account.refused + account.closedIdle).to.equal(0);
      expect(Object.keys(account.statuses)).to.deep.equal(['200']);
    }
    const text = await (await get(`${cluster.adminUrl}/metrics`)).text();
    expect(text).to.match(/^multilane_worker_restarts_total\{reason="heap"\} [12]$/m);
  });
});

describe('a worker that leaks fast, with the default of WORKER_HEAP_MB', () => {
  // V8 gives each thread this much in a container of 512 MiB.
  const cluster = useCluster({ config: LEAKING, entry: ['--max-old-space-size=128', PRIMARY] });

  const generations = async (): Promise<number[]> => {
    const serving = await until(
      () => workersOf(cluster),
      (workers) => workers.length === 2 && workers.every(({ state }) => state === 'ready'),
    );
    return serving.map(({ generation }) => generation);
  };
  const heapRestarts = (): number => cluster.logs().filter(({ reason }) => reason === 'heap').length;

  for (const mib of [20, 50]) {
    it(`is replaced before V8 ends the process, at ${mib} MiB a second`, async function () {
      this.timeout(60_000);
      const [before, restarts] = [await generations(), heapRestarts()];
      expect((await get(`${cluster.url}/leak-per-second?mib=${mib}`)).status).to.equal(200);
      const after = await until(generations, (now) => now.join() !== before.join());
      expect(after).to.not.deep.equal(before);
      expect(heapRestarts()).to.be.above(restarts);
      expect((await get(`${cluster.url}/thread`)).status).to.equal(200);
    });
  }

  it('is not replaced because of garbage, however much of it there is', async function () {
    this.timeout(60_000);
    const before = await generations();
    for (let time = 0; time < 100; time += 1) {
      expect((await get(`${cluster.url}/garbage?mib=5`)).status).to.equal(200);
    }
    expect(await generations()).to.deep.equal(before);
  });
});
