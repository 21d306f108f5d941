// The effect of a failing worker on the whole process.
import { expect } from 'chai';
import { get } from '#test/support/client.js';
import { type Cluster, type ClusterOptions, startCluster } from '#test/support/cluster.js';
import { keepAliveLoad } from '#test/support/keep-alive-load.js';
import { workersOf } from '#test/support/rolling.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';
import { HAZARDS, STALLS } from './fixtures/paths.js';

describe('the process, when a worker goes wrong', () => {
  let cluster: Cluster | undefined;
  afterEach(async function () {
    this.timeout(30_000);
    await cluster?.dispose();
    cluster = undefined;
  });
  const start = async (options: ClusterOptions): Promise<Cluster> => {
    cluster = await startCluster({ config: HAZARDS, ...options });
    return cluster;
  };

  it('goes on with the same worker after an unhandled rejection when UNHANDLED_REJECTION=log', async function () {
    this.timeout(60_000);
    const one = await start({ env: { WORKERS: '1', UNHANDLED_REJECTION: 'log' } });
    const { url } = one;
    const thread = await (await get(`${url}/thread`)).text();
    expect((await get(`${url}/rejection`)).status).to.equal(200);
    const line = await until(
      () => one.logs().find(({ msg }) => msg === 'unhandled rejection'),
      (found) => found !== undefined,
    );
    expect(line).to.include({ worker: 1, level: 50 });
    expect(String(line?.detail)).to.include('rejected and forgotten');
    expect(await (await get(`${url}/thread`)).text()).to.equal(thread);
    expect(await workersOf(one)).to.containSubset([{ id: 1, generation: 1 }]);
  });

  it('ends with 70 after an unhandled rejection when UNHANDLED_REJECTION=exit', async function () {
    this.timeout(60_000);
    const one = await start({ env: { UNHANDLED_REJECTION: 'exit' } });
    await get(`${one.url}/rejection`).catch(() => undefined); // a response and a cut connection are both allowed
    expect(await one.exited).to.deep.equal({ code: 70, signal: null });
    expect(one.stderr.at(-1)).to.match(
      /^multilane: unhandled rejection in worker \d \(UNHANDLED_REJECTION=exit\)$/,
    );
    expect(one.leftovers()).to.deep.equal([]);
  });

  it('loses no new connection when its only worker fails: that worker serves until its successor does', async function () {
    this.timeout(60_000);
    const one = await start({ env: { WORKERS: '1' } });
    const load = keepAliveLoad(one.url, ['/thread'], 4, { perConnection: 1 });
    await load.answered(20);
    await get(`${one.url}/uncaught`);
    await until(
      () => workersOf(one),
      (list) => list.length === 1 && list[0]?.generation === 2 && list[0].state === 'ready',
    );
    await load.stop();
    expect(load.account.lost).to.deep.equal([]);
    expect(load.account.refused).to.equal(0);
    expect(Object.keys(load.account.statuses)).to.deep.equal(['200']);
  });

  it('drains and exits with a failure when more threads are wedged than the process may have', async function () {
    this.timeout(60_000);
    const one = await start({
      config: STALLS,
      env: { WORKERS: '1', STALL_MS: '500', DRAIN_MS: '500' },
    });
    let ended = false;
    const end = one.exited.finally(() => {
      ended = true;
    });
    const wedged = async (): Promise<number> => {
      const list = await workersOf(one).catch(() => undefined);
      return list?.filter(({ state }) => state === 'wedged').length ?? Number.POSITIVE_INFINITY;
    };
    while (!ended) {
      const before = await wedged();
      const wire = await Wire.open(one.url).catch(() => undefined); // the listener is closed by now
      void wire?.request('GET', '/native/30').catch(() => undefined); // never gets a response
      // A request is repeated when its response was 503, because the next worker was not ready yet.
      await Promise.race([end, until(wedged, (now) => now > before, 2000).catch(() => undefined)]);
    }
    const { code, signal } = await end;
    // A process with a wedged thread can end only by a signal before Node.js 22.15.
    expect(code ?? signal).to.be.oneOf([70, 'SIGKILL']);
    expect(one.stderr.at(-1)).to.match(
      /^multilane: \d+ worker threads are stalled or do not end, and cannot be interrupted$/,
    );
  });
});
