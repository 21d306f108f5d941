// A registry in etcd whose quota is used up, with a real server.
import { expect } from 'chai';
import { etcdClients } from '#src/primary/etcd-client.js';
import { EtcdRefusal } from '#src/registry/backends/etcd-api.js';
import { EtcdBackend } from '#src/registry/backends/etcd-backend.js';
import { needsEtcd, startEtcd, type TestEtcd } from '#test/support/etcd.js';
import { until } from '#test/support/until.js';
import { RegistryProcess } from './registry-process.js';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('a registry in etcd that has no room left', () => {
  let etcd: TestEtcd;
  const processes: RegistryProcess[] = [];
  const join = (owner: string, port: number): RegistryProcess => {
    const open = etcdClients({ origins: [etcd.url], user: undefined });
    const backend = new EtcdBackend({ open, owner, random: Math.random });
    const process = new RegistryProcess(owner, backend, port);
    processes.push(process);
    return process;
  };
  before(async function () {
    needsEtcd(this);
    etcd = await startEtcd(undefined, ['--quota-backend-bytes', String(4 << 20)]);
  });
  after(async () => {
    await Promise.all(processes.map((process) => process.sync.close()));
    await etcd?.close();
  });

  it('is read by a process that starts, whose log tells the next step, and admits it when there is room', async () => {
    const a = join('a', 1);
    const client = await etcdClients({ origins: [etcd.url], user: undefined })[0]!();
    const value = base64('x'.repeat(1 << 20));
    const fill = async (): Promise<unknown> => {
      for (;;)
        try {
          await client.post('/v3/kv/put', { key: base64('/elsewhere'), value });
        } catch (error) {
          return error;
        }
    };
    const own = ['10.0.0.1:1 healthy'];
    const observer = join('observer', 3);
    await observer.sees([...own, '10.0.0.1:3 healthy']);
    await observer.sync.close();
    expect(await fill()).to.be.instanceOf(EtcdRefusal);
    const b = join('b', 2);
    await b.sees([...own, '10.0.0.1:2 healthy']);
    await until(
      () => b.rejected,
      (rejected) => rejected > 0,
    );
    expect(b.sync.isAvailable).to.equal(true);
    expect(b.lines[0])
      .to.have.property('reason')
      .that.matches(/space exceeded; compact and defragment it/);
    const { header } = await client.post<{ header: { revision: string } }>('/v3/kv/range', {
      key: base64('x'),
    });
    await client.post('/v3/kv/compaction', { revision: header.revision, physical: true });
    await client.post('/v3/maintenance/defragment', {});
    const { header: of } = await client.post<{ header: { member_id: string } }>('/v3/maintenance/status', {});
    await client.post('/v3/maintenance/alarm', {
      action: 'DEACTIVATE',
      memberID: of.member_id,
      alarm: 'NOSPACE',
    });
    client.close();
    await a.sees([...own, '10.0.0.1:2 healthy']);
  }).timeout(60_000);
});
