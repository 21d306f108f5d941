import { expect } from 'chai';
import fc from 'fast-check';
import { HttpError } from '#src/errors.js';
import type { RegistrySnapshot } from '#src/registry/endpoint.js';
import type { ProbeTarget } from '#src/registry/health.js';
import type { Health } from '#src/registry/health-rule.js';
import { Registry } from '#src/registry/registry.js';
import { SlotTable } from '#src/registry/slot-table.js';
import { FakeTime } from '../upstream/endpoints.js';

const stranger = { mayShadowLocal: false };
const instance = { host: '10.0.0.1', port: 8080 };

interface Watched {
  readonly target: ProbeTarget;
  readonly report: (health: Health) => void;
  stopped: boolean;
}

function setUp(options: { readonly slots?: number; readonly maxSnapshotBytes?: number } = {}) {
  const time = new FakeTime();
  const snapshots: RegistrySnapshot[] = [];
  const watched: Watched[] = [];
  const refused = new Set<string>();
  const arrived: number[] = [];
  const admission = { during: async (): Promise<void> => undefined };
  const registry = new Registry({
    clock: time.clock,
    now: () => new Date(Date.UTC(2026, 0, 1) + time.now),
    schedule: time.schedule,
    publish: (snapshot) => snapshots.push(snapshot),
    slots: new SlotTable(options.slots ?? 16, time.clock, () => undefined),
    ejections: {
      isEjected: () => false,
      arrive: (slot) => arrived.push(slot),
    },
    addresses: {
      admit: async ({ host }) => {
        await admission.during();
        if (refused.has(host)) throw new HttpError('ADDRESS_NOT_ALLOWED', host);
        return host === 'orders.internal' ? '10.9.9.9' : host;
      },
    },
    health: {
      watch: (target, report) => {
        const entry: Watched = { target, report, stopped: false };
        watched.push(entry);
        return () => {
          entry.stopped = true;
        };
      },
    },
    revisionPrefix: 'p',
    maxSnapshotBytes: options.maxSnapshotBytes ?? 1 << 20,
  });
  const put = (id: string, members: object = {}, service = 'orders') =>
    registry.put(service, id, { ...instance, ...members }, stranger);
  const ids = (service = 'orders') => registry.instances(service).map(({ id }) => id);
  const endpoints = () => snapshots.at(-1)!.endpoints;
  const stateOf = (id: string) => registry.instances('orders').find((each) => each.id === id)?.state;
  return { time, snapshots, watched, refused, arrived, admission, registry, put, ids, endpoints, stateOf };
}

async function codeOf(run: () => unknown): Promise<string | undefined> {
  try {
    await run();
    return undefined;
  } catch (error) {
    expect(error).to.be.instanceOf(HttpError);
    return (error as HttpError).code;
  }
}

describe('registry', () => {
  it('publishes an empty snapshot first, so that nobody waits for one', () => {
    const { snapshots } = setUp();
    expect(snapshots).to.deep.equal([{ revision: 'p-0', endpoints: [] }]);
  });

  it('adds an instance, and replaces it by another registration of its id', async () => {
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

  it('shows the registered name and connects to the address it had', async () => {
    const { put, registry, endpoints } = setUp();
    await put('i1', { host: 'orders.internal' });
    expect(registry.instances('orders')[0]!.host).to.equal('orders.internal');
    expect(endpoints()[0]!.host).to.equal('10.9.9.9');
  });

  it('changes nothing when an address is refused or a member is wrong', async () => {
    const { put, refused, registry, snapshots } = setUp();
    refused.add('10.0.0.1');
    expect(await codeOf(() => put('i1'))).to.equal('ADDRESS_NOT_ALLOWED');
    expect(await codeOf(() => put('i1', { port: 0 }))).to.equal('VALIDATION_FAILED');
    expect(registry.revision).to.equal('p-0');
    expect(snapshots).to.have.length(1);
  });

  describe('expiry', () => {
    it('removes what is not renewed in time, at that time', async () => {
      const { put, time, ids, endpoints } = setUp();
      await put('short', { ttlSeconds: 10 });
      await put('default');
      await time.pass(9_999);
      expect(ids()).to.deep.equal(['short', 'default']);
      await time.pass(1);
      expect(ids()).to.deep.equal(['default']);
      expect(endpoints().map(({ id }) => id)).to.deep.equal(['default']);
      await time.pass(20_000);
      expect(ids()).to.deep.equal([]);
    });

    it('is put off by every heartbeat, and by registering again', async () => {
      const { put, time, registry, ids, snapshots } = setUp();
      await put('i1', { ttlSeconds: 10 });
      await put('i2', { ttlSeconds: 10 });
      const published = snapshots.length;
      for (let i = 0; i < 5; i++) {
        await time.pass(9_000);
        registry.heartbeat('orders', 'i1');
        await put('i2', { ttlSeconds: 10 });
      }
      expect(ids()).to.deep.equal(['i1', 'i2']);
      expect(registry.instances('orders')[0]!.lastHeartbeat).to.equal('2026-01-01T00:00:45.000Z');
      // Staying alive is no change: nobody is told.
      expect(snapshots).to.have.length(published);
      await time.pass(10_000);
      expect(ids()).to.deep.equal([]);
    });

    it('happens on time however registrations and heartbeats are mixed', async () => {
      const step = fc.record({
        do: fc.constantFrom('put', 'heartbeat', 'remove'),
        id: fc.constantFrom('a', 'b', 'c'),
        ttlSeconds: fc.integer({ min: 1, max: 20 }),
        waitMs: fc.nat(8_000),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          const { put, time, registry, ids } = setUp();
          const model = new Map<string, { ttl: number; until: number }>();
          for (const each of steps) {
            const known = model.get(each.id);
            if (each.do === 'put') {
              await put(each.id, { ttlSeconds: each.ttlSeconds });
              model.set(each.id, { ttl: each.ttlSeconds * 1000, until: time.now + each.ttlSeconds * 1000 });
            } else if (each.do === 'heartbeat') {
              expect(await codeOf(() => registry.heartbeat('orders', each.id))).to.equal(
                known ? undefined : 'NOT_FOUND',
              );
              if (known) known.until = time.now + known.ttl;
            } else {
              expect(await codeOf(() => registry.remove('orders', each.id))).to.equal(
                known ? undefined : 'NOT_FOUND',
              );
              model.delete(each.id);
            }
            await time.pass(each.waitMs);
            for (const [id, { until }] of model) if (until <= time.now) model.delete(id);
            expect(ids()).to.have.members([...model.keys()]);
          }
        }),
        { numRuns: 60 },
      );
    });

    it('never happens to a static instance', async () => {
      const { put, time, ids, registry } = setUp();
      await put('i1', { ttlSeconds: 0, healthCheckUrl: '/health' });
      await time.pass(10_000_000);
      registry.heartbeat('orders', 'i1');
      expect(ids()).to.deep.equal(['i1']);
      expect(time.pending).to.deep.equal([]);
    });
  });

  describe('health', () => {
    it('is starting until the probes say otherwise, and follows them', async () => {
      const { put, watched, arrived, stateOf } = setUp();
      await put('i1', { healthCheckUrl: '/health', host: 'orders.internal' });
      expect(stateOf('i1')).to.equal('starting');
      expect(watched[0]!.target).to.deep.equal({
        address: '10.9.9.9',
        port: 8080,
        path: '/health',
        host: 'orders.internal',
        metadata: Object.create(null),
      });
      expect(arrived).to.deep.equal([]);
      watched[0]!.report('healthy');
      expect(stateOf('i1')).to.equal('healthy');
      watched[0]!.report('unhealthy');
      expect(stateOf('i1')).to.equal('unhealthy');
      expect(arrived).to.have.length(1);
    });

    it('is no longer probed when it is gone, expired or replaced', async () => {
      const { put, watched, registry, time } = setUp();
      await put('i1', { healthCheckUrl: '/a', ttlSeconds: 10 });
      await put('i1', { healthCheckUrl: '/b', ttlSeconds: 10 });
      await put('i2', { healthCheckUrl: '/c' });
      registry.remove('orders', 'i2');
      await time.pass(10_000);
      expect(watched.map(({ target, stopped }) => `${target.path} ${stopped}`)).to.deep.equal([
        '/a true',
        '/b true',
        '/c true',
      ]);
    });

    it('is not asked anew when the same registration comes again', async () => {
      const { put, watched, stateOf } = setUp();
      await put('i1', { healthCheckUrl: '/a' });
      watched[0]!.report('healthy');
      await put('i1', { healthCheckUrl: '/a' });
      expect(watched).to.have.length(1);
      expect(stateOf('i1')).to.equal('healthy');
    });
  });

  it('publishes one snapshot when many instances expire at the same time, and one event for each', async () => {
    const { put, registry, snapshots, time } = setUp({ slots: 500 });
    for (let n = 0; n < 500; n += 1) await put(`i${n}`);
    const before = { snapshots: snapshots.length, revision: registry.revision };
    await time.pass(30_000);
    expect(snapshots.length - before.snapshots).to.equal(1);
    expect(snapshots.at(-1)!.endpoints).to.deep.equal([]);
    expect(registry.since(before.revision)).to.have.length(500);
  });

  it('keeps the health of an instance that changes its weight, not of one that moves or is checked elsewhere', async () => {
    const { put, watched, stateOf } = setUp();
    await put('i1', { healthCheckUrl: '/a' });
    watched[0]!.report('healthy');
    await put('i1', { healthCheckUrl: '/a', weight: 2 });
    expect(stateOf('i1')).to.equal('healthy');
    watched[1]!.report('unhealthy');
    expect(stateOf('i1')).to.equal('unhealthy');
    await put('i1', { healthCheckUrl: '/b', weight: 2 });
    expect(stateOf('i1')).to.equal('starting');
    watched[2]!.report('healthy');
    await put('i1', { healthCheckUrl: '/b', weight: 2, port: 9090 });
    expect(stateOf('i1')).to.equal('starting');
  });

  describe('drain', () => {
    it('holds whatever the probes say, until the instance registers again', async () => {
      const { put, registry, watched, stateOf } = setUp();
      await put('i1', { healthCheckUrl: '/a' });
      registry.drain('orders', 'i1');
      watched[0]!.report('healthy');
      expect(stateOf('i1')).to.equal('draining');
      await put('i1', { healthCheckUrl: '/a' });
      expect(stateOf('i1')).to.equal('starting');
      expect(watched.map(({ stopped }) => stopped)).to.deep.equal([true, false]);
      watched[1]!.report('healthy');
      expect(stateOf('i1')).to.equal('healthy');
    });

    it('is published once for all local instances of a service', () => {
      const { registry, snapshots } = setUp();
      for (const port of [1, 2, 3]) registry.registerLocal('orders', '127.0.0.1', port);
      const before = snapshots.length;
      registry.setLocalState('orders', 'draining');
      registry.setLocalState('orders', 'draining');
      expect(snapshots.length - before).to.equal(1);
      expect(snapshots.at(-1)!.endpoints.map(({ state }) => state)).to.deep.equal(Array(3).fill('draining'));
    });

    it('does not keep an instance from expiring', async () => {
      const { put, registry, time, ids } = setUp();
      await put('i1');
      registry.drain('orders', 'i1');
      await time.pass(30_000);
      expect(ids()).to.deep.equal([]);
    });
  });

  describe('local instances', () => {
    it('never expire and cannot be changed from outside', async () => {
      const { registry, time, endpoints } = setUp();
      registry.registerLocal('orders', '127.0.0.1', 8080, { state: 'starting' });
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
      expect(endpoints()[0]).to.include({ id, local: true, state: 'starting' });
      registry.setLocalState('orders', 'healthy');
      expect(endpoints()[0]!.state).to.equal('healthy');
      expect(registry.instances('orders')[0]).to.include({ lastHeartbeat: null, healthCheckUrl: null });
    });

    it('keep others out of their service, unless they may shadow it', async () => {
      const { registry, ids } = setUp();
      registry.registerLocal('orders', '127.0.0.1', 8080);
      expect(await codeOf(() => registry.put('orders', 'i1', instance, stranger))).to.equal(
        'ADDRESS_NOT_ALLOWED',
      );
      expect((await registry.put('orders', 'i1', instance, { mayShadowLocal: true })).created).to.equal(true);
      expect((await registry.put('users', 'i1', instance, stranger)).created).to.equal(true);
      expect(ids()).to.deep.equal(['127.0.0.1:8080', 'i1']);
    });
  });

  it('does not let a stranger into a service that was mounted while its name was resolved', async () => {
    const { registry, put, admission, ids } = setUp();
    admission.during = async () => registry.registerLocal('orders', '127.0.0.1', 8080);
    expect(await codeOf(() => put('i1', { host: 'orders.internal' }))).to.equal('ADDRESS_NOT_ALLOWED');
    expect(ids()).to.deep.equal(['127.0.0.1:8080']);
  });

  describe('slots', () => {
    it('stay with an instance that registers again, and change with its address', async () => {
      const { put, endpoints } = setUp();
      await put('i1');
      await put('i2');
      await put('i1', { version: '2' });
      expect(endpoints().map(({ id, slot }) => `${id} ${slot}`)).to.deep.equal(['i1 0', 'i2 1']);
      await put('i1', { port: 9090 });
      expect(endpoints().map(({ id, slot }) => `${id} ${slot}`)).to.deep.equal(['i1 2', 'i2 1']);
    });

    it('run out: OVERLOADED, with what is there untouched', async () => {
      const { put, ids, registry } = setUp({ slots: 2 });
      await put('i1');
      await put('i2');
      const { revision } = registry;
      expect(await codeOf(() => put('i3'))).to.equal('OVERLOADED');
      expect(await codeOf(() => put('i1', { port: 9090 }))).to.equal('OVERLOADED');
      expect([ids(), registry.revision]).to.deep.equal([['i1', 'i2'], revision]);
    });
  });

  it('never publishes more than its page can hold, whatever states follow', async () => {
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

  it('tells watchers every change with its revision, and what they missed', async () => {
    const { put, registry, time } = setUp();
    const heard: string[] = [];
    const stop = registry.listen(({ revision, change }) =>
      heard.push(
        `${revision} ${change.type} ${change.type === 'put' ? `${change.instance.id} ${change.instance.state}` : change.id}`,
      ),
    );
    await put('i1');
    registry.drain('orders', 'i1');
    await time.pass(30_000);
    stop();
    await put('i2');
    expect(heard).to.deep.equal(['p-1 put i1 healthy', 'p-2 put i1 draining', 'p-3 delete i1']);
    expect(registry.since('p-2')!.map(({ revision }) => revision)).to.deep.equal(['p-3', 'p-4']);
    expect(registry.since('q-2')).to.equal(undefined);
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
