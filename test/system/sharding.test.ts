// Both values of SHARDING on both HTTP cores, with and without TLS: the process behaves in the same way in
// all cases. The core `node` has no acceptor, and shares a port only on some versions of Node.js
// (single-port.test.ts).
import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { sharesPort } from '#src/cluster/shares-port.js';
import { makeCertificate, needsOpenssl, type TestCertificate } from '#test/support/certificate.js';
import { get } from '#test/support/client.js';
import { type Cluster, newDataDir, startCluster } from '#test/support/cluster.js';
import { runPrimary } from '#test/support/command.js';
import { newSeed } from '#test/support/random.js';
import {
  PATIENT_DRAIN_MS,
  reload,
  rollUnderLoad,
  servesEveryConnection,
  type WorkerView,
  workersOf,
} from '#test/support/rolling.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';
import { HAZARDS } from './fixtures/paths.js';

/** Replacements of all workers; the long form, reload.long.ts, makes 50 in each of the four cases. */
const ROLLS = 1;
const MOST = 64;

const CASES = [
  { core: 'uws', sharding: 'acceptor' },
  { core: 'uws', sharding: 'reuseport' },
  ...((await sharesPort()) ? ([{ core: 'node', sharding: 'reuseport' }] as const) : []),
] as const;

for (const { core, sharding } of CASES) {
  for (const withTls of [false, true]) {
    describe(`SHARDING=${sharding} on the core ${core} ${withTls ? 'over TLS' : 'without TLS'}`, () => {
      const seed = newSeed();
      let cluster: Cluster;
      let tls: TestCertificate | undefined;
      before(async function () {
        this.timeout(30_000);
        if (sharding === 'reuseport' && process.platform !== 'linux') this.skip();
        if (withTls) needsOpenssl(this);
        const dataDir = newDataDir();
        tls = withTls ? makeCertificate(dataDir, 'one') : undefined;
        const env = {
          HTTP_CORE: core,
          SHARDING: sharding,
          MAX_CONNECTIONS: `${MOST}`,
          DRAIN_MS: String(PATIENT_DRAIN_MS),
          // Every replaced worker is counted, so a worker that gets no core must not be replaced.
          STALL_MS: '20000',
        };
        cluster = await startCluster({ config: HAZARDS, dataDir, tls, env });
      });
      after(async function () {
        this.timeout(30_000);
        await cluster?.dispose();
      });

      const open = (from?: string): Promise<Wire> => Wire.open(cluster.url, cluster.ca, from);
      const threadOf = async (wire: Wire): Promise<number | undefined> => {
        const response = await wire.request('GET', '/thread');
        return response && (JSON.parse(response.body.toString()) as { thread: number }).thread;
      };
      /**
       * Opens connections until the newest, the first of the list, is not on `thread`. The caller closes
       * them.
       */
      const elsewhere = async (thread?: number): Promise<Wire[]> => {
        const wires: Wire[] = [];
        for (let n = 0; n < 50; n += 1) {
          const wire = await open();
          wires.unshift(wire);
          if ((await threadOf(wire)) !== thread) return wires;
        }
        throw new Error('all connections are on one thread');
      };
      const close = async (wires: readonly Wire[]): Promise<void> => {
        for (const wire of wires) wire.destroy();
        await until(
          async () => (await workersOf(cluster)) as (WorkerView & { connections: number })[],
          (list) => list.every(({ connections }) => connections === 0),
        );
      };
      const metrics = async (): Promise<string> => (await get(`${cluster.adminUrl}/metrics`)).text();

      it('is ready on one port, whichever thread listens, with the scheme in its ready line and metrics', async () => {
        const { protocol, port } = new URL(cluster.url);
        expect(protocol).to.equal(withTls ? 'https:' : 'http:');
        expect(Number(port)).to.be.greaterThan(0);
        const [first] = await elsewhere();
        const others = await elsewhere(await threadOf(first!));
        await close([first!, ...others]);
        expect(await metrics()).to.match(
          new RegExp(`http_route="/thread".*url_scheme="${withTls ? 'https' : 'http'}"`),
        );
      });

      it(`loses no request while all workers are replaced (${ROLLS} times, seed ${seed})`, async function () {
        this.timeout(120_000);
        const { kept, thinking, fresh } = await rollUnderLoad(cluster, '/thread', ROLLS, seed);
        for (const account of [kept, thinking, fresh]) {
          expect(account.lost).to.deep.equal([]);
          expect(Object.keys(account.statuses)).to.deep.equal(['200']);
        }
        expect(kept.refused + kept.closedIdle + thinking.refused + thinking.closedIdle).to.equal(0);
        if (servesEveryConnection(sharding)) {
          expect(fresh.refused + fresh.untaken + thinking.untaken).to.equal(0);
        }
      });

      for (const path of ['/uncaught', '/rejection', '/exit']) {
        it(`loses one worker to ${path}: the other is unaffected, and a replacement serves`, async function () {
          this.timeout(25_000);
          const serving = async (): Promise<readonly WorkerView[]> =>
            (await workersOf(cluster)).filter(({ state }) => state !== 'draining');
          const before = await serving();
          const [victim] = await elsewhere();
          const others = await elsewhere(await threadOf(victim!));
          const [other] = others;
          const thread = await threadOf(other!);
          await victim!.request('GET', path);
          for (let n = 0; n < 50; n += 1) {
            const response = await other!.request('GET', '/thread');
            expect(JSON.parse(String(response?.body))).to.include({ thread });
            // On a busy machine the replacement may serve by now: it gets its share of connections.
            if (response!.closes) break;
          }
          const generations = (list: readonly WorkerView[]) =>
            list.reduce((sum, { generation }) => sum + generation, 0);
          const isReplaced = (list: readonly WorkerView[]): boolean =>
            list.length === 2 &&
            generations(list) === generations(before) + 1 &&
            list.every(({ state }) => state === 'ready');
          const after = await until(serving, isReplaced);
          expect(isReplaced(after), JSON.stringify(after)).to.equal(true);
          const fresh = await elsewhere(thread);
          await close([victim!, ...others, ...fresh]);
        });
      }

      it('refuses a second start on its port, and goes on', async () => {
        const { port } = new URL(cluster.url);
        const env = { HTTP_CORE: core, SHARDING: sharding, PORT: port };
        const second = await runPrimary({ args: ['--config', HAZARDS], env });
        expect(second.code).to.equal(1);
        expect(second.stderr.trim().split('\n')).to.have.length(1);
        expect(second.stderr).to.contain(`:${port} `);
        await close(await elsewhere());
      });

      it('closes connections beyond MAX_CONNECTIONS, counts them, and serves those that are open', async () => {
        // One address may not open all of them.
        const from = (n: number): string => `127.0.0.${2 + (n % 4)}`;
        const within = await Promise.all(Array.from({ length: MOST }, (_, n) => open(from(n))));
        const threads = await Promise.all(within.map(threadOf));
        expect(threads).to.not.include(undefined);
        const beyond = await open('127.0.0.6').catch(() => undefined); // with TLS the handshake itself fails
        if (beyond !== undefined) expect(await threadOf(beyond)).to.equal(undefined);
        expect(await threadOf(within[0]!)).to.equal(threads[0]);
        expect(await metrics()).to.match(
          /^multilane_requests_shed_total\{reason="max_connections"\} [1-9]\d*$/m,
        );
        await close(within);
        await close(await elsewhere());
      });

      if (withTls) {
        it('serves a renewed certificate after a reload; a wrong one stops the reload, and the old one is served', async function () {
          this.timeout(30_000);
          const { certFile, keyFile } = tls!;
          const two = makeCertificate(cluster.dataDir, 'two');
          const logged = (line: string): number =>
            cluster.logs().filter(({ msg }) => String(msg).startsWith(line)).length;

          copyFileSync(two.certFile, certFile);
          await reload(cluster);
          await until(
            () => logged('reload stopped'),
            (count) => count === 1,
          );
          const leaves = cluster.logs().find(({ reason }) => reason === 'start-failed');
          expect(leaves?.detail).to.contain(`TLS_KEY_FILE: ${keyFile}`);
          const old = await open();
          expect(old.certificateName).to.equal('one');
          old.destroy();

          copyFileSync(two.keyFile, keyFile);
          const before = logged('reload finished');
          await reload(cluster);
          await until(
            () => logged('reload finished'),
            (count) => count > before,
          );
          const renewed = await Wire.open(cluster.url, two.ca);
          expect(renewed.certificateName).to.equal('two');
          expect((await renewed.request('GET', '/thread'))?.status).to.equal(200);
          renewed.destroy();
        });
      }

      it('ends in order: exit 0, and no process is left', async () => {
        expect(await cluster.stop()).to.deep.equal({ code: 0, signal: null });
        expect(cluster.leftovers()).to.deep.equal([]);
      });
    });
  }
}

describe('a certificate that cannot be used', () => {
  let folder: string;
  before(function () {
    needsOpenssl(this);
    folder = newDataDir();
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  const attempts: [string, number, () => Record<string, string>, RegExp][] = [
    ['without its key', 78, () => ({ TLS_CERT_FILE: '/a.crt' }), /TLS_KEY_FILE/],
    [
      'that is not there',
      1,
      () => ({ TLS_CERT_FILE: '/absent.crt', TLS_KEY_FILE: makeCertificate(folder, 'one').keyFile }),
      /TLS_CERT_FILE.*\/absent\.crt/,
    ],
    [
      'that is none',
      1,
      () => {
        const { keyFile, certFile } = makeCertificate(folder, 'one');
        writeFileSync(certFile, 'no certificate');
        return { TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile };
      },
      /TLS_CERT_FILE.*one\.crt/,
    ],
    [
      'of another key',
      1,
      () => ({
        TLS_CERT_FILE: makeCertificate(folder, 'one').certFile,
        TLS_KEY_FILE: makeCertificate(folder, 'two').keyFile,
      }),
      /TLS_KEY_FILE.*two\.key.*one\.crt/,
    ],
  ];
  for (const [what, code, env, expected] of attempts) {
    it(`ends the start with one line when it is one ${what}`, async () => {
      const run = await runPrimary({ args: ['--config', HAZARDS], env: env() });
      expect(run.code, run.stderr).to.equal(code);
      expect(run.stderr.trim().split('\n'), run.stderr).to.have.length(1);
      expect(run.stderr).to.match(expected);
    });
  }
});
