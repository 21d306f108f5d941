// HTTP_CORE=node where threads cannot share a port: one HTTP worker, whose threads hand the port over.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { sharesPort } from '#src/cluster/shares-port.js';
import { makeCertificate, needsOpenssl, type TestCertificate } from '#test/support/certificate.js';
import { get } from '#test/support/client.js';
import { type Cluster, launchCluster, newDataDir, startCluster } from '#test/support/cluster.js';
import { runPrimary } from '#test/support/command.js';
import { rollOnce, workersOf } from '#test/support/rolling.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';
import { DEAF, HAZARDS } from './fixtures/paths.js';

const MESSAGE = 'one HTTP worker runs instead of 2';

if (!(await sharesPort())) {
  for (const withTls of [false, true]) {
    describe(`one HTTP worker on the core node ${withTls ? 'over TLS' : 'without TLS'}`, () => {
      let cluster: Cluster;
      before(async function () {
        this.timeout(30_000);
        if (withTls) needsOpenssl(this);
        const dataDir = newDataDir();
        const tls: TestCertificate | undefined = withTls ? makeCertificate(dataDir, 'one') : undefined;
        const env = { HTTP_CORE: 'node', STALL_MS: '20000' };
        cluster = await startCluster({ config: HAZARDS, dataDir, tls, env });
      });
      after(async function () {
        this.timeout(30_000);
        await cluster?.dispose();
      });

      const open = (): Promise<Wire> => Wire.open(cluster.url, cluster.ca);
      const threadOf = async (wire: Wire): Promise<number> => {
        const response = await wire.request('GET', '/thread');
        return (JSON.parse(String(response?.body)) as { thread: number }).thread;
      };
      /** A new connection may be refused for the moment in which no thread listens. */
      const opened = (): Promise<Wire> =>
        until(
          () => open().catch(() => undefined),
          (wire) => wire !== undefined,
        ) as Promise<Wire>;

      it('runs one worker, is ready, and says so in one warning', async () => {
        expect(await workersOf(cluster)).to.have.length(1);
        const warnings = cluster.logs().filter(({ msg }) => String(msg).includes(MESSAGE));
        expect(warnings).to.have.length(1);
        expect(warnings[0]).to.include({ level: 40 });
        const ready = cluster.logs().find(({ msg }) => msg === 'ready');
        expect(ready).to.include({ workers: 1, httpCore: 'node', httpCoreReason: 'HTTP_CORE=node' });
        expect((await get(`${cluster.adminUrl}/readyz`)).status).to.equal(200);
      });

      it('loads nothing of uWebSockets.js', function () {
        const maps = `/proc/${cluster.pid}/maps`;
        if (!existsSync(maps)) this.skip();
        expect(readFileSync(maps, 'utf8')).to.not.match(/uws_\w+\.node/);
      });

      it('hands its port over in a reload: open connections and new ones are served', async function () {
        this.timeout(30_000);
        const before = await open();
        const old = await threadOf(before);
        const rolled = rollOnce(cluster);
        // The old thread serves its connections until it drains, and asks their clients to leave then.
        for (let closes = false; !closes; ) {
          const response = await before.request('GET', '/thread');
          expect(JSON.parse(String(response?.body))).to.include({ thread: old });
          closes = response!.closes;
        }
        before.destroy();
        await rolled;
        const after = await opened();
        expect(await threadOf(after)).to.not.equal(old);
        after.destroy();
      });

      for (const path of ['/uncaught', '/rejection', '/exit']) {
        it(`keeps its port when its thread is lost to ${path}`, async function () {
          this.timeout(25_000);
          const [before] = await workersOf(cluster);
          const victim = await opened();
          const old = await threadOf(victim);
          await victim.request('GET', path);
          victim.destroy();
          const isReplaced = await until(
            () => workersOf(cluster),
            ([worker]) => worker?.generation === before!.generation + 1 && worker.state === 'ready',
          );
          expect(isReplaced).to.have.length(1);
          const after = await opened();
          expect(await threadOf(after)).to.not.equal(old);
          after.destroy();
        });
      }

      it('refuses a second start on its port, and goes on', async () => {
        const { port } = new URL(cluster.url);
        const env = { HTTP_CORE: 'node', PORT: port };
        const second = await runPrimary({ args: ['--config', HAZARDS], env });
        expect(second.code).to.equal(1);
        expect(second.stderr).to.match(/^multilane: cannot listen on .*the port is taken; .*\n$/);
        expect(second.stderr).to.contain(`:${port} `);
        const wire = await open();
        expect(await threadOf(wire)).to.be.a('number');
        wire.destroy();
      });

      it('ends in order: exit 0, and no process is left', async () => {
        expect(await cluster.stop()).to.deep.equal({ code: 0, signal: null });
        expect(cluster.leftovers()).to.deep.equal([]);
      });
    });
  }

  describe('one HTTP worker on the core node whose threads cannot listen', () => {
    let cluster: Cluster;
    after(async function () {
      this.timeout(30_000);
      await cluster?.dispose();
    });

    it('gets 503 NO_WORKER from the primary, however many threads fail, until one listens', async function () {
      this.timeout(60_000);
      const dataDir = newDataDir();
      const file = join(dataDir, 'deaf');
      const env = { HTTP_CORE: 'node', DEAF_FILE: file };
      cluster = await startCluster({ config: DEAF, dataDir, env });
      const { url } = cluster;
      const ask = async (): Promise<number | undefined> => {
        const response = await fetch(url, { headers: { connection: 'close' } }).catch(() => undefined);
        await response?.body?.cancel();
        return response?.status;
      };
      const responds = (status: number): Promise<unknown> => until(ask, (got) => got === status, 20_000);
      await responds(200);
      writeFileSync(file, '');
      await fetch(`${url}/uncaught`, { headers: { connection: 'close' } });
      const failures = (): readonly string[] =>
        cluster
          .logs()
          .filter(({ reason }) => reason === 'start-failed')
          .flatMap(({ detail }) => (typeof detail === 'string' ? [detail] : []));
      for (const count of [1, 3, 5]) {
        await until(failures, ({ length }) => length >= count);
        await responds(503);
      }
      expect(failures()[0]).to.match(/: too many files are open; raise the limit .* \(EMFILE\)/);
      rmSync(file);
      await responds(200);
      expect(await cluster.stop()).to.deep.equal({ code: 0, signal: null });
    });
  });

  describe('one HTTP worker on the core node under pm2', () => {
    const clusters: { dispose(): Promise<void> }[] = [];
    after(async function () {
      this.timeout(60_000);
      for (const cluster of clusters) await cluster.dispose();
    });

    it('waits for the port of its predecessor, and listens when that drains', async function () {
      this.timeout(60_000);
      const dataDir = newDataDir();
      const env = { HTTP_CORE: 'node', WORKERS: '1', pm_id: '1' };
      const elder = await startCluster({ config: HAZARDS, dataDir, env });
      clusters.push(elder);
      const { port } = new URL(elder.url);
      const next = launchCluster({ config: HAZARDS, dataDir, env: { ...env, PORT: port } });
      clusters.push(next);
      expect((await next.ready()).url).to.equal(elder.url);
      expect(await elder.stop()).to.deep.equal({ code: 0, signal: null });
      const served = await until(
        () => fetch(`${elder.url}/thread`).catch(() => undefined),
        (response) => response !== undefined,
      );
      expect(served?.status).to.equal(200);
      expect(next.logs().filter(({ level }) => Number(level) >= 50)).to.deep.equal([]);
      expect(next.stderr.filter((line) => !line.startsWith('multilane ready'))).to.deep.equal([]);
      expect(await next.stop()).to.deep.equal({ code: 0, signal: null });
    });
  });
}
