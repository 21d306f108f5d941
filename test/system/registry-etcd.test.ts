// Two processes that share a registry in etcd, with TLS and an account.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { makeCertificate, needsOpenssl } from '../support/certificate.js';
import { get, json } from '../support/client.js';
import { type Cluster, startCluster } from '../support/cluster.js';
import { needsEtcd, startEtcd, type TestEtcd } from '../support/etcd.js';
import { until } from '../support/until.js';
import { CALLING, PLAIN } from './fixtures/paths.js';

const PASSWORD = 'hunter2/@:x';

describe('processes with a common registry in etcd, with TLS and an account', () => {
  let etcd: TestEtcd;
  let caller: Cluster;
  let other: Cluster;
  let folder: string;
  before(async function () {
    needsOpenssl(this);
    needsEtcd(this);
    folder = mkdtempSync(join(tmpdir(), 'etcd-tls-'));
    const { certFile, keyFile } = makeCertificate(folder, 'etcd');
    etcd = await startEtcd({ cert: certFile, key: keyFile });
    const etcdctl = (...args: string[]): void => {
      const options = ['--endpoints', etcd.url, '--cacert', certFile];
      execFileSync('etcdctl', [...options, ...args], { stdio: 'pipe', input: `${PASSWORD}\n` });
    };
    etcdctl('user', 'add', 'root', '--interactive=false');
    etcdctl('user', 'grant-role', 'root', 'root');
    etcdctl('auth', 'enable');
    const account = `root:${encodeURIComponent(PASSWORD)}`;
    const env = {
      WORKERS: '1',
      REGISTRY: `etcds://${account}@127.0.0.1:${etcd.port}`,
      NODE_EXTRA_CA_CERTS: certFile,
    };
    caller = await startCluster({ config: CALLING, env });
    other = await startCluster({ config: PLAIN, env });
  });
  after(async () => {
    for (const each of [caller, other]) await each?.dispose();
    await etcd?.close();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  const states = async (): Promise<string[]> => {
    const url = `${caller.adminUrl}/registry/v1/services/plain`;
    const { instances } = await json<{ instances: readonly { state: string }[] }>(await get(url));
    return instances.map(({ state }) => state);
  };
  const call = async (): Promise<number | string | undefined> => {
    const { status, code } = await json<{ status?: number; code?: string }>(
      await get(`${caller.url}/call/plain/?retries=2`),
    );
    return status ?? code;
  };
  const isUp = async (): Promise<boolean> =>
    (await (await get(`${caller.adminUrl}/metrics`)).text()).includes(
      'multilane_registry_up{registry="etcd"} 1',
    );

  it('call each other', async () => {
    expect(await until(states, (seen) => seen.length === 1)).to.deep.equal(['healthy']);
    expect(await call()).to.equal(200);
  });

  it('go on while it is down, and are registered again when it is back', async () => {
    await etcd.kill();
    expect(await until(isUp, (is) => !is)).to.equal(false);
    for (let n = 0; n < 20; n += 1) expect(await call()).to.equal(200);
    await etcd.start();
    expect(await until(isUp, (is) => is)).to.equal(true);
    for (let n = 0; n < 20; n += 1) expect([await call(), await states()]).to.deep.equal([200, ['healthy']]);
  });

  it('forget one that ends at once, and show no password', async () => {
    await other.stop();
    expect(await until(states, (seen) => seen.length === 0)).to.deep.equal([]);
    expect([...caller.stdout, ...caller.stderr].join('\n')).not.to.include('hunter2');
  });
});
