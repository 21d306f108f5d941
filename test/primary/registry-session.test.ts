// What a shared registry asks of its PostgreSQL before the process starts.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ConfigError } from '#src/errors.js';
import { localAddressTo, registryAddresses } from '#src/primary/common-registry.js';
import { parseEtcdUrl } from '#src/primary/etcd-client.js';
import { requireSessions } from '#src/primary/registry-session.js';
import { startProxy, type Proxy as TcpProxy } from '#test/db/fixtures/proxy.js';
import { accepts, freePort } from '#test/support/ports.js';
import { startTestPostgres } from '#test/support/postgres.js';
import { until } from '#test/support/until.js';

const hasPooler = spawnSync('pgbouncer', ['--version']).status === 0;

describe('the server of a shared registry', () => {
  let proxy: TcpProxy;
  const poolers: ChildProcess[] = [];
  before(async () => {
    const server = await startTestPostgres();
    proxy = await startProxy(await server.createDatabase('sessions'));
  });
  after(async () => {
    for (const pooler of poolers) pooler.kill('SIGKILL');
    await proxy.close();
  });

  async function pooled(mode: string): Promise<string> {
    const { port } = new URL(proxy.url);
    const free = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'pooler-'));
    chmodSync(folder, 0o755);
    const file = join(folder, 'pgbouncer.ini');
    const { username, password } = new URL(proxy.url);
    const account = `user=${username}${password === '' ? '' : ` password=${password}`}`;
    writeFileSync(
      file,
      `[databases]\n* = host=127.0.0.1 port=${port} ${account}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n` +
        `listen_port = ${free}\nunix_socket_dir =\nauth_type = any\npool_mode = ${mode}\n`,
    );
    const as = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
    poolers.push(spawn('pgbouncer', ['-q', ...as, file], { stdio: 'ignore' }));
    await until(
      () => accepts(free),
      (is) => is,
    );
    const url = new URL(proxy.url);
    url.port = String(free);
    return url.href;
  }

  it('is accepted when it is the server itself, or cannot be reached now', async () => {
    await requireSessions(proxy.url);
    await requireSessions('postgres://nobody@127.0.0.1:1/none');
  });

  for (const mode of ['session', 'transaction', 'statement']) {
    it(`is ${mode === 'session' ? 'accepted' : 'refused by name'} behind a pooler in ${mode} mode`, async function () {
      // The reason why it is pending: pgbouncer is not installed.
      if (!hasPooler) return this.skip();
      const url = await pooled(mode);
      const error = await requireSessions(url).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (mode === 'session') expect(error).to.equal(undefined);
      else {
        expect(error).to.be.instanceOf(ConfigError);
        expect((error as Error).message).to.include(`127.0.0.1:${new URL(url).port} is a pooler`);
      }
    });
  }

  it('tells the address by which this process reaches it', async () => {
    const port = Number(new URL(proxy.url).port);
    expect(await localAddressTo({ host: '127.0.0.1', port })).to.equal('127.0.0.1');
    // It need not listen now.
    expect(await localAddressTo({ host: '127.0.0.1', port: 1 })).to.equal('127.0.0.1');
    expect(await localAddressTo({ host: 'localhost', port: 1 })).to.match(/^(?:127\.0\.0\.1|::1)$/);
    expect(await localAddressTo({ host: 'no-such-host.invalid', port: 1 })).to.equal(undefined);
    expect(await localAddressTo({ host: '/run/x', port: 5432 })).to.equal(undefined);
  });

  it('is a cluster of etcd with an account, whose password may have any character', () => {
    expect(parseEtcdUrl('etcd://root:pa:s%40s@a:1,b:2')).to.deep.equal({
      origins: ['http://a:1', 'http://b:2'],
      user: { name: 'root', password: 'pa:s@s' },
    });
    for (const url of ['etcd://a', 'etcd://:p@a:1', 'etcd://a:1,b', 'etcd://a:99999', 'postgres://a:1'])
      expect(parseEtcdUrl(url), url).to.equal(undefined);
  });

  it('has addresses that no instance may have', () => {
    const addresses = (registry: string) =>
      registryAddresses({ registry }).map(({ host, port }) => `${host} ${port}`);
    expect(addresses('local')).to.deep.equal([]);
    expect(addresses('postgres://u:p@db/mesh')).to.deep.equal(['db 5432']);
    expect(addresses('postgres:///mesh?host=/var/run/postgresql')).to.deep.equal([]);
    expect(addresses('etcds://u:p@[::1]:2379,b:2380')).to.deep.equal(['::1 2379', 'b 2380']);
    expect(addresses('etcds://u:p@a:443')).to.deep.equal(['a 443']);
    expect(addresses('etcd://a:80')).to.deep.equal(['a 80']);
  });
});
