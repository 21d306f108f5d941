import { expect } from 'chai';
import fc from 'fast-check';
import { codeOf, setUp } from './registry-kit.js';

describe('the expiry of an instance', () => {
  it('removes an instance that is not renewed in time, exactly at that time', async () => {
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

  it('is postponed by every heartbeat, and by the same registration again', async () => {
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
    // A renewal is not a change, so nothing is published.
    expect(snapshots).to.have.length(published);
    await time.pass(10_000);
    expect(ids()).to.deep.equal([]);
  });

  it('waits after a pause of the process for what has arrived in it', async () => {
    const { put, time, registry, ids } = setUp();
    await put('renewed', { ttlSeconds: 10 });
    await put('dead', { ttlSeconds: 10 });
    time.pause(60_000);
    await time.pass(0);
    await time.pass(1_900);
    registry.heartbeat('orders', 'renewed');
    await time.pass(100);
    expect(ids()).to.deep.equal(['renewed']);
    await time.pass(10_000);
    expect(ids()).to.deep.equal([]);
  });

  for (const pauseMs of [8_000, 9_990, 10_010])
    it(`waits in the same way after a pause that ends ${pauseMs} ms after the last renewal`, async () => {
      const { put, time, registry, ids } = setUp();
      await put('renewed', { ttlSeconds: 10 });
      await put('dead', { ttlSeconds: 10 });
      await time.pass(500);
      time.pause(pauseMs - 500);
      await time.pass(1_900);
      registry.heartbeat('orders', 'renewed');
      await time.pass(101);
      expect(ids()).to.deep.equal(['renewed']);
    });

  it('happens on time for any sequence of registrations, heartbeats and removals', async () => {
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

  it('does not happen to a static instance', async () => {
    const { put, time, ids, registry } = setUp();
    await put('i1', { ttlSeconds: 0, healthCheckUrl: '/health' });
    await time.pass(10_000_000);
    registry.heartbeat('orders', 'i1');
    expect(ids()).to.deep.equal(['i1']);
    expect(time.pending).to.deep.equal([]);
  });

  it('publishes few snapshots for many instances that expire at the same time, and one event for each', async () => {
    const { put, registry, snapshots, time } = setUp({ slots: 500 });
    for (let n = 0; n < 500; n += 1) await put(`i${n}`);
    const before = { snapshots: snapshots.length, revision: registry.revision };
    await time.pass(30_010);
    expect(snapshots.length - before.snapshots).to.equal(4);
    expect(snapshots.at(-1)!.endpoints).to.deep.equal([]);
    expect(registry.changes.since(before.revision)).to.have.length(500);
  });
});

describe('a draining instance', () => {
  it('keeps draining whatever the probes report and however often it is renewed, until it changes', async () => {
    const { put, registry, watched, stateOf } = setUp();
    await put('i1', { healthCheckUrl: '/a' });
    registry.drain('orders', 'i1');
    watched[0]!.report('healthy');
    expect(stateOf('i1')).to.equal('draining');
    for (let n = 0; n < 3; n++) await put('i1', { healthCheckUrl: '/a' });
    registry.heartbeat('orders', 'i1');
    expect(stateOf('i1')).to.equal('draining');
    await put('i1', { healthCheckUrl: '/a', version: '2' });
    expect(stateOf('i1')).to.equal('starting');
    expect(watched.map(({ stopped }) => stopped)).to.deep.equal([true, false]);
    watched[1]!.report('healthy');
    expect(stateOf('i1')).to.equal('healthy');
  });

  it('is published once together with all other local instances of its service', () => {
    const { registry, snapshots } = setUp();
    for (const port of [1, 2, 3]) registry.registerLocal('orders', '127.0.0.1', port);
    const before = snapshots.length;
    registry.setLocalState('orders', 'draining');
    registry.setLocalState('orders', 'draining');
    expect(snapshots.length - before).to.equal(1);
    expect(snapshots.at(-1)!.endpoints.map(({ state }) => state)).to.deep.equal(Array(3).fill('draining'));
  });

  it('still expires', async () => {
    const { put, registry, time, ids } = setUp();
    await put('i1');
    registry.drain('orders', 'i1');
    await time.pass(30_000);
    expect(ids()).to.deep.equal([]);
  });
});
