// Two processes in one slot of pm2, side by side, as `pm2 reload` makes them, and every crash that can come
// in between.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { get, post, uniqueEmail } from '#test/support/client.js';
import { type Cluster, type ClusterOptions, dataDirWith, startCluster } from '#test/support/cluster.js';
import { runPrimary } from '#test/support/command.js';
import { postmasters, reap } from '#test/support/leftovers.js';
import { until } from '#test/support/until.js';
import { HAZARDS } from './fixtures/paths.js';

/** One service is enough: all of them have the same PostgreSQL. */
const SLOT = { pm_id: '7', SERVICES: 'users' };

describe('a successor in the same slot of pm2', () => {
  let dataDir: string;
  let predecessor: Cluster;
  beforeEach(async function () {
    this.timeout(60_000);
    dataDir = await dataDirWith('shop');
    predecessor = await start();
  });
  afterEach(async function () {
    this.timeout(60_000);
    await reap(dataDir);
    await predecessor.dispose();
  });

  const start = (options: ClusterOptions = {}): Promise<Cluster> =>
    startCluster({ dataDir, env: { ...SLOT, WORKERS: '1', DRAIN_MS: '1000' }, ...options });
  const postmaster = (): number =>
    Number(readFileSync(join(dataDir, 'pg/data/postmaster.pid'), 'utf8').split('\n')[0]);
  const createUser = async ({ url }: Cluster): Promise<number> =>
    (await post(`${url}/api/users`, { name: 'Ada', email: uniqueEmail() })).status;
  const createsAgain = (cluster: Cluster): Promise<number> =>
    until(
      () => createUser(cluster),
      (status) => status === 201,
    );

  it('uses the running PostgreSQL, owns it after the old process has ended, and stops it at its own end', async function () {
    this.timeout(60_000);
    const pid = postmaster();
    const successor = await start();
    expect(await createUser(predecessor)).to.equal(201);
    expect(await createUser(successor)).to.equal(201);
    expect(await predecessor.stop()).to.deep.equal({ code: 0, signal: null });
    expect(postmaster()).to.equal(pid);
    expect(await createUser(successor)).to.equal(201);
    expect(await successor.stop()).to.deep.equal({ code: 0, signal: null });
    expect(predecessor.leftovers()).to.deep.equal([]);
  });

  it('changes nothing when it dies: the old process goes on and stops PostgreSQL at its own end', async function () {
    this.timeout(60_000);
    const successor = await start();
    await successor.stop('SIGKILL');
    expect(await createUser(predecessor)).to.equal(201);
    expect(await predecessor.stop()).to.deep.equal({ code: 0, signal: null });
    expect(predecessor.leftovers()).to.deep.equal([]);
  });

  it('restarts a crashed PostgreSQL by itself when the old process was killed', async function () {
    this.timeout(60_000);
    const successor = await start();
    await predecessor.stop('SIGKILL');
    process.kill(postmaster(), 'SIGKILL');
    expect(await createsAgain(successor)).to.equal(201);
    expect(await successor.stop()).to.deep.equal({ code: 0, signal: null });
    expect(predecessor.leftovers()).to.deep.equal([]);
  });

  it('shares one PostgreSQL with its predecessor, also after PostgreSQL has crashed', async function () {
    this.timeout(60_000);
    const successor = await start();
    const pid = postmaster();
    process.kill(pid, 'SIGKILL');
    for (const cluster of [predecessor, successor]) expect(await createsAgain(cluster)).to.equal(201);
    expect(postmaster()).to.not.equal(pid);
    expect(await postmasters(dataDir, 1)).to.have.length(1);
    for (const cluster of [predecessor, successor]) {
      const logged = () => cluster.logs().some(({ msg }) => String(msg).includes('PostgreSQL runs again'));
      expect(await until(logged, (yes) => yes), cluster.stdout.join('\n')).to.equal(true);
    }
    await predecessor.stop();
    await successor.stop();
    expect(predecessor.leftovers()).to.deep.equal([]);
  });

  it('leaves the running PostgreSQL to the next start when both processes were killed', async function () {
    this.timeout(60_000);
    const pid = postmaster();
    const successor = await start();
    await Promise.all([predecessor.stop('SIGKILL'), successor.stop('SIGKILL')]);
    const next = await start({ env: { WORKERS: '1', SERVICES: 'users' } });
    expect(postmaster()).to.equal(pid);
    await next.stop();
    expect(predecessor.leftovers()).to.deep.equal([]);
  });

  it('is the only process admitted: one in another slot, one without a slot, and a third one are refused', async function () {
    this.timeout(60_000);
    for (const env of [{ pm_id: '8' }, {} as Record<string, string>]) {
      const run = await runPrimary({ dataDir, env });
      expect(run.code, run.stderr).to.equal(1);
      expect(run.stderr).to.include(`pid ${predecessor.pid}`).and.include(dataDir);
    }
    await start();
    const third = await runPrimary({ dataDir, env: SLOT });
    expect(third.code, third.stderr).to.equal(1);
    expect((await get(`${predecessor.url}/health`)).status).to.equal(200);
  });
});

describe('a second start without a database', () => {
  it('is refused when its port is taken, on both planes', async function () {
    this.timeout(60_000);
    const first = await startCluster({ config: HAZARDS });
    try {
      for (const [name, url] of [
        ['PORT', first.url],
        ['ADMIN_PORT', first.adminUrl],
      ] as const) {
        const { port } = new URL(url);
        const second = await runPrimary({ args: ['--config', HAZARDS], env: { [name]: port } });
        expect(second.code, second.stderr).to.equal(1);
        expect(second.stderr).to.include(port);
      }
      expect((await get(`${first.url}/thread`)).status).to.equal(200);
    } finally {
      await first.dispose();
    }
  });
});
