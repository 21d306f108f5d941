// How ejections that workers have decided appear in the registry, with the real registry and cells.
import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { EjectionCells } from '#src/memory/ejection-cells.js';
import { Registry } from '#src/registry/registry.js';
import type { RegistryChange } from '#src/registry/registry-publication.js';
import { SlotTable } from '#src/registry/slot-table.js';
import { ejectionRule } from '#src/resilience/ejection.js';
import { EjectionWatch } from '#src/upstream/ejection-watch.js';
import { FakeTime } from '#test/upstream/endpoints.js';

async function setUp(ids: string) {
  const time = new FakeTime();
  const cells = new EjectionCells(Block.create({ workers: 1 }), ejectionRule(30_000), time.clock);
  const registry = new Registry({
    clock: time.clock,
    now: () => new Date(0),
    schedule: time.schedule,
    publish: () => undefined,
    slots: new SlotTable(
      16,
      time.clock,
      (slot) => cells.reset(slot),
      () => false,
    ),
    ejections: cells,
    addresses: { admit: async ({ host }) => host },
    health: { watch: () => () => undefined },
    revisionPrefix: 'p',
    maxSnapshotBytes: 1 << 20,
    maxOfService: 10_000,
  });
  const body = { host: '10.0.0.1', port: 80, ttlSeconds: 3600 };
  for (const id of ids) await registry.put('orders', id, body, { mayShadowLocal: false });
  const watch = new EjectionWatch(cells, registry);
  watch.look();
  const heard: string[] = [];
  registry.changes.listen(({ change }: { change: RegistryChange }) =>
    heard.push(
      change.type === 'put' ? `${change.instance.id} ${change.instance.state}` : `${change.id} gone`,
    ),
  );
  const slotOf = (id: string): number => registry.instances('orders').find((each) => each.id === id)!.slot;
  const eject = (id: string): void => {
    for (let i = 0; i < 5; i++) cells.failed(slotOf(id));
    cells.eject(slotOf(id), () => true);
  };
  const states = (): string =>
    registry
      .instances('orders')
      .map(({ id, state }) => `${id}:${state}`)
      .join(' ');
  return { time, cells, registry, watch, heard, eject, states };
}

describe('ejections in the registry', () => {
  it('are shown at once, and counted by state', async () => {
    const { eject, states, registry } = await setUp('abc');
    eject('b');
    expect(states()).to.equal('a:healthy b:ejected c:healthy');
    expect(registry.states()).to.deep.include({ service: 'orders', state: 'ejected', count: 1 });
  });

  it('are reported to watchers when they begin and when they end, also when no worker calls', async () => {
    const { eject, watch, heard, time } = await setUp('abc');
    eject('b');
    watch.look();
    watch.look();
    time.now = 30_000;
    watch.look();
    watch.look();
    expect(heard).to.deep.equal(['b ejected', 'b healthy']);
  });

  it('cost a few looks at each instance, however many are ejected', async () => {
    const { eject, watch, cells, registry, states } = await setUp('abcdefghijklmnop');
    for (const id of 'abcdefgh') eject(id);
    let looks = 0;
    const isEjected = cells.isEjected.bind(cells);
    cells.isEjected = (slot) => {
      looks += 1;
      return isEjected(slot);
    };
    watch.look();
    expect(looks).to.be.at.most(3 * registry.instances('orders').length);
    expect(states().match(/ejected/g)).to.have.length(8);
  });

  it('cost no look at other services, and none at the own one until something changes', async () => {
    const { eject, watch, registry, heard } = await setUp('abc');
    const body = { host: '10.0.0.1', port: 80, ttlSeconds: 3600 };
    await registry.put('users', 'u', body, { mayShadowLocal: false });
    eject('b');
    const looked: string[] = [];
    const placesOf = registry.placesOf.bind(registry);
    registry.placesOf = (service) => {
      looked.push(service);
      return placesOf(service);
    };
    watch.look();
    expect(new Set(looked)).to.deep.equal(new Set(['orders']));
    expect(heard).to.include('b ejected');
    looked.length = 0;
    for (let n = 0; n < 10; n++) watch.look();
    expect(looked).to.deep.equal([]);
  });

  it('end, the latest first, when other instances leave and more than half would be ejected', async () => {
    const { eject, watch, states, registry, time } = await setUp('abcd');
    eject('a');
    time.now = 1_000;
    eject('b');
    watch.look();
    registry.remove('orders', 'd');
    watch.look();
    expect(states()).to.equal('a:ejected b:healthy c:healthy');
    registry.remove('orders', 'c');
    registry.drain('orders', 'b');
    watch.look();
    expect(states()).to.equal('a:healthy b:draining');
  });

  it('outlast a new registration of the instance', async () => {
    const { eject, states, registry } = await setUp('abc');
    eject('b');
    const body = { host: '10.0.0.1', port: 80, ttlSeconds: 3600 };
    registry.remove('orders', 'b');
    await registry.put('orders', 'b', body, { mayShadowLocal: false });
    expect(states()).to.equal('a:healthy c:healthy b:ejected');
  });

  it('are preceded by a slow start of a new instance', async () => {
    const { cells, registry } = await setUp('ab');
    const [first] = registry.instances('orders');
    expect(cells.state(first!.slot)).to.deep.equal({ state: 'starting', ageMs: 0 });
  });
});
