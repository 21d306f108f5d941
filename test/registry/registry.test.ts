import { expect } from 'chai';
import { codeOf, instance, REMOTE, setUp } from './registry-kit.js';

describe('the registry', () => {
  it('publishes an empty snapshot at first, so that no worker waits for one', () => {
    const { snapshots } = setUp();
    expect(snapshots).to.deep.equal([{ revision: 'p-0', endpoints: [] }]);
  });

  it('adds an instance, and replaces it by another registration with its id', async () => {
    const { put, registry, endpoints } = setUp();
    expect((await put('i1')).created).to.equal(true);
    expect((await put('i1', { weight: 5 })).created).to.equal(false);
    expect(registry.services()).to.deep.include({ orders: 1 });
    expect(endpoints()).to.have.length(1);
    expect(endpoints()[0]).to.deep.include({
      service: 'orders',
      id: 'i1',
      host: '10.0.0.1',
      port: 8080,
      weight: 5,
      state: 'healthy',
      slot: 0,
      local: false,
    });
  });

  it('shows the registered name, and publishes the address that it resolved to', async () => {
    const { put, registry, endpoints } = setUp();
    await put('i1', { host: 'orders.internal' });
    expect(registry.instances('orders')[0]!.host).to.equal('orders.internal');
    expect(endpoints()[0]!.host).to.equal('10.9.9.9');
  });

  it('changes nothing when the address is rejected or a member is wrong', async () => {
    const { put, refused, registry, snapshots } = setUp();
    refused.add('10.0.0.1');
    expect(await codeOf(() => put('i1'))).to.equal('ADDRESS_NOT_ALLOWED');
    expect(await codeOf(() => put('i1', { port: 0 }))).to.equal('VALIDATION_FAILED');
    expect(registry.revision).to.equal('p-0');
    expect(snapshots).to.have.length(1);
  });

  describe('an instance of this process', () => {
    it('never expires and cannot be changed from outside', async () => {
      const { registry, time, endpoints } = setUp();
      registry.registerLocal('orders', '127.0.0.1', 8080, { state: 'starting', zone: 'north' });
      const id = '127.0.0.1:8080';
      for (const change of [
        () => registry.heartbeat('orders', id),
        () => registry.drain('orders', id),
        () => registry.remove('orders', id),
        () => registry.put('orders', id, instance, { mayShadowLocal: true }),
      ]) {
        expect(await codeOf(change)).to.equal('ADDRESS_NOT_ALLOWED');
      }
      await time.pass(10_000_000);
      expect(endpoints()[0]).to.include({ id, local: true, state: 'starting', zone: 'north' });
      registry.setLocalState('orders', 'healthy');
      expect(endpoints()[0]!.state).to.equal('healthy');
      expect(registry.instances('orders')[0]).to.include({ lastHeartbeat: null, healthCheckUrl: null });
    });

    it('excludes other instances from its service, unless the registrant has that right', async () => {
      const { registry, ids } = setUp();
      registry.registerLocal('orders', '127.0.0.1', 8080);
      expect(await codeOf(() => registry.put('orders', 'i1', instance, REMOTE))).to.equal(
        'ADDRESS_NOT_ALLOWED',
      );
      expect((await registry.put('orders', 'i1', instance, { mayShadowLocal: true })).created).to.equal(true);
      expect((await registry.put('users', 'i1', instance, REMOTE)).created).to.equal(true);
      expect(ids()).to.deep.equal(['127.0.0.1:8080', 'i1']);
    });
  });

  it('rejects an instance of a service that was mounted here while the name of the instance was resolved', async () => {
    const { registry, put, admission, ids } = setUp();
    admission.during = async () => registry.registerLocal('orders', '127.0.0.1', 8080);
    expect(await codeOf(() => put('i1', { host: 'orders.internal' }))).to.equal('ADDRESS_NOT_ALLOWED');
    expect(ids()).to.deep.equal(['127.0.0.1:8080']);
  });

  describe('the slot of an instance', () => {
    it('is kept when the instance registers again, and changes with its address', async () => {
      const { put, endpoints } = setUp();
      await put('i1');
      await put('i2');
      await put('i1', { version: '2' });
      expect(endpoints().map(({ id, slot }) => `${id} ${slot}`)).to.deep.equal(['i1 0', 'i2 1']);
      await put('i1', { port: 9090 });
      expect(endpoints().map(({ id, slot }) => `${id} ${slot}`)).to.deep.equal(['i1 2', 'i2 1']);
    });

    it('can be unavailable: registration fails with OVERLOADED and changes nothing', async () => {
      const { put, ids, registry } = setUp({ slots: 2 });
      await put('i1');
      await put('i2');
      const { revision } = registry;
      expect(await codeOf(() => put('i3'))).to.equal('OVERLOADED');
      expect(await codeOf(() => put('i1', { port: 9090 }))).to.equal('OVERLOADED');
      expect([ids(), registry.revision]).to.deep.equal([['i1', 'i2'], revision]);
    });
  });

  it('has room for other services when one has as many instances as it may have, or as much text', async () => {
    for (const [options, metadata] of [
      [{ maxOfService: 3 }, {}],
      [{ maxSnapshotBytes: 8192 }, { k: 'x'.repeat(1_500) }],
    ] as const) {
      const { put, registry } = setUp(options);
      for (const id of ['i1', 'i2', 'i3']) await put(id, { metadata });
      expect(await codeOf(() => put('i4', { metadata }))).to.equal('OVERLOADED');
      expect(await codeOf(() => put('i3', { metadata, weight: 2 }))).to.equal(undefined);
      expect(await codeOf(() => put('i1', {}, 'users'))).to.equal(undefined);
      registry.remove('orders', 'i1');
      expect(await codeOf(() => put('i4', { metadata }))).to.equal(undefined);
    }
  });

  it('has room for what processes serve themselves when clients have as much as they may have', async () => {
    for (const options of [{ maxOfClients: 4 }, { maxSnapshotBytes: 16_384 }]) {
      const { put, registry } = setUp(options);
      const metadata = { k: 'x'.repeat('maxOfClients' in options ? 1 : 3_200) };
      for (let n = 0; n < 4; n += 1) await put(`i${n}`, { metadata }, `s${n % 2}`);
      expect(await codeOf(() => put('i4', { metadata }, 's2'))).to.equal('OVERLOADED');
      expect(await codeOf(() => put('i3', { metadata, weight: 2 }, 's1'))).to.equal(undefined);
      const body = { host: '10.0.0.2', port: 1 };
      await registry.mirror('orders', 'x', body, { isServed: true, mayShadowLocal: false });
      registry.registerLocal('users', '10.0.0.3', 2);
      expect([registry.instances('orders').length, registry.instances('users').length]).to.deep.equal([1, 1]);
    }
  });

  it('never publishes a snapshot above its largest size, whatever states follow', async () => {
    const maxSnapshotBytes = 4096;
    const { put, registry, snapshots } = setUp({ maxSnapshotBytes });
    const fill = async (): Promise<number> => {
      let admitted = 0;
      for (let i = 0; i < 16; i++) {
        const metadata = { k: 'ä'.repeat(i * 20) };
        if ((await codeOf(() => put(`i${i}`, { metadata }))) === undefined) admitted++;
      }
      return admitted;
    };
    const admitted = await fill();
    expect(admitted).to.be.within(4, 15);
    for (const { id } of registry.instances('orders')) registry.drain('orders', id);
    for (const snapshot of snapshots) {
      expect(Buffer.byteLength(JSON.stringify(snapshot))).to.be.at.most(maxSnapshotBytes);
    }
    for (const { id } of registry.instances('orders')) registry.remove('orders', id);
    expect(await fill()).to.equal(admitted);
  });

  it('notifies watchers of every change with its revision, and returns the changes that they missed', async () => {
    const { put, registry, time } = setUp();
    const notified: string[] = [];
    const stop = registry.changes.listen(({ revision, change }) =>
      notified.push(
        `${revision} ${change.type} ${change.type === 'put' ? `${change.instance.id} ${change.instance.state}` : change.id}`,
      ),
    );
    await put('i1');
    registry.drain('orders', 'i1');
    await time.pass(30_000);
    stop();
    await put('i2');
    expect(notified).to.deep.equal(['p-1 put i1 healthy', 'p-2 put i1 draining', 'p-3 delete i1']);
    expect(registry.changes.since('p-2')!.map(({ revision }) => revision)).to.deep.equal(['p-3', 'p-4']);
    expect(registry.changes.since('q-2')).to.equal(undefined);
  });

  it('counts instances by service and state', async () => {
    const { put, registry } = setUp();
    await put('i1');
    await put('i2', { healthCheckUrl: '/h' });
    await put('i3', {}, 'users');
    expect(registry.states()).to.have.deep.members([
      { service: 'orders', state: 'healthy', count: 1 },
      { service: 'orders', state: 'starting', count: 1 },
      { service: 'users', state: 'healthy', count: 1 },
    ]);
  });

  it('stops its timer and its probes when it is closed', async () => {
    const { put, registry, watched, time } = setUp();
    await put('i1', { healthCheckUrl: '/h' });
    registry.close();
    expect(watched[0]!.stopped).to.equal(true);
    expect(time.pending).to.deep.equal([]);
  });
});
