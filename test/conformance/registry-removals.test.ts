// What the removal of an instance by a client removes, in every registry that several processes share, with
// real servers: whatever has become of the registration, but nothing that was registered later.
import { expect } from 'chai';
import { MOST_REGISTRATIONS } from '#src/registry/removals.js';
import { until } from '#test/support/until.js';
import type { RegistryProcess } from './registry-process.js';
import { SERVERS } from './registry-servers.js';
import { useRegistry } from './use-registry.js';

const LASTING = { ttlSeconds: 3_600 };
const ROUNDS = 20;

/** What a client does with an instance of the first process right before it is removed at the second one. */
const CHANGES: Readonly<
  Record<string, (first: RegistryProcess, second: RegistryProcess, id: string) => unknown>
> = {
  'drained at the same process': (_, second, id) => second.registry.drain('carts', id),
  'drained at its own process': (first, _, id) => first.registry.drain('carts', id),
  'renewed at the same process': (_, second, id) => second.registry.heartbeat('carts', id),
  'registered once more at the same process': (_, second, id) => second.put(id, LASTING),
  'changed at the same process': (_, second, id) => second.put(id, { ...LASTING, weight: 2 }),
};

for (const name of Object.keys(SERVERS)) {
  describe(`a removal in a registry in ${name}`, () => {
    const registry = useRegistry(name as keyof typeof SERVERS);
    const { join, setOff } = registry;
    const allSee = (all: readonly RegistryProcess[], instances: readonly string[]) =>
      Promise.all(all.map((one) => one.sees(instances, 'carts')));
    /** A change that comes after all others has arrived everywhere. */
    const settled = async (all: readonly RegistryProcess[], instances: readonly string[]): Promise<void> => {
      for (const one of all) await one.put(`after-${all.indexOf(one)}`, LASTING);
      await allSee(all, [...instances, ...all.map((_, n) => `after-${n} healthy`)]);
    };

    for (const [change, make] of Object.entries(CHANGES)) {
      it(`removes an instance everywhere that was just ${change}`, async () => {
        const all = [join('a'), join('b'), join('c')];
        const [a, b] = all as [RegistryProcess, RegistryProcess];
        const ids = Array.from({ length: ROUNDS }, (_, n) => `x${n}`);
        for (const id of ids) await a.put(id, LASTING);
        await allSee(
          all,
          ids.map((id) => `${id} healthy`),
        );
        for (const id of ids) {
          await make(a, b, id);
          b.registry.remove('carts', id);
        }
        await settled(all, []);
      });

      it(`removes an instance everywhere that was ${change} in an outage`, async () => {
        const [a, cut, c] = [join('a'), join('cut', undefined, true), join('c')];
        await a.put('x', LASTING);
        await allSee([a, cut, c], ['x healthy']);
        await setOff(cut);
        await make(a, cut, 'x');
        await c.put('y', LASTING);
        await a.sees([change.endsWith('own process') ? 'x draining' : 'x healthy', 'y healthy'], 'carts');
        cut.registry.remove('carts', 'x');
        await registry.server.proxy.listen();
        await settled([a, cut, c], ['y healthy']);
      });
    }

    it('removes an instance everywhere that was just changed at its own process', async () => {
      const all = [join('a'), join('b'), join('c')];
      const [a, b] = all as [RegistryProcess, RegistryProcess];
      await a.put('x', LASTING);
      await allSee(all, ['x healthy']);
      // It is sent before the removal; the other process may not have read it yet.
      await a.put('x', { ...LASTING, weight: 2 });
      await b.put('y', LASTING);
      await a.sees(['x healthy', 'y healthy'], 'carts');
      b.registry.remove('carts', 'x');
      await settled(all, ['y healthy']);
    });

    it('removes what another process has taken over in an outage', async () => {
      const all = [join('a'), join('b'), join('cut', undefined, true)];
      const [a, b, cut] = all as [RegistryProcess, RegistryProcess, RegistryProcess];
      await a.put('x', LASTING);
      await allSee(all, ['x healthy']);
      await setOff(cut);
      b.registry.heartbeat('carts', 'x');
      await until(
        () => a.registry.mirrored().length,
        (mirrored) => mirrored === 1,
      );
      cut.registry.remove('carts', 'x');
      await registry.server.proxy.listen();
      await settled(all, []);
    });

    it('reaches a process that was cut off and had the instance before another one', async () => {
      const all = [join('cut', undefined, true), join('b'), join('c')];
      const [cut, b] = all as [RegistryProcess, RegistryProcess];
      await cut.put('x', LASTING);
      await allSee(all, ['x healthy']);
      await setOff(cut);
      b.registry.drain('carts', 'x');
      await all[2]!.sees(['x draining'], 'carts');
      b.registry.remove('carts', 'x');
      await all[2]!.sees([], 'carts');
      await registry.server.proxy.listen();
      await settled(all, []);
    });

    it('removes in an outage also what was registered and ended there once more since', async () => {
      const all = [join('a'), join('cut', undefined, true), join('c')];
      const [a, cut] = all as [RegistryProcess, RegistryProcess];
      const ids = ['removed', 'expired', 'kept'];
      for (const id of ids) await a.put(id, LASTING);
      await allSee(
        all,
        ids.map((id) => `${id} healthy`),
      );
      await setOff(cut);
      for (let round = 0; round < 2 * MOST_REGISTRATIONS; round += 1)
        for (const id of ids) {
          cut.registry.remove('carts', id);
          await cut.put(id, { ttlSeconds: id === 'expired' ? 1 : 3_600, port: 81 + round });
        }
      cut.registry.remove('carts', 'removed');
      await cut.sees(['kept healthy'], 'carts');
      await registry.server.proxy.listen();
      await settled(all, ['kept healthy']);
      const { port } = a.registry.instances('carts').find(({ id }) => id === 'kept')!;
      expect(port).to.equal(80 + 2 * MOST_REGISTRATIONS);
    });

    it('is not undone by a late change, whatever was registered under the same name since', async () => {
      const all = [join('cut', undefined, true), join('b'), join('c')];
      const [cut, b, c] = all as [RegistryProcess, RegistryProcess, RegistryProcess];
      const ids = ['lives', 'removed', 'ended'];
      for (const id of ids) await cut.put(id, LASTING);
      await allSee(
        all,
        ids.map((id) => `${id} healthy`),
      );
      await setOff(cut);
      for (const id of ids) {
        cut.registry.drain('carts', id);
        b.registry.remove('carts', id);
      }
      await c.sees([], 'carts');
      const ending = join('ending');
      await b.put('lives', { ...LASTING, port: 81 });
      await b.put('removed', { ...LASTING, port: 81 });
      await ending.put('ended', { ...LASTING, port: 81 });
      await c.sees(
        ids.map((id) => `${id} healthy`),
        'carts',
      );
      b.registry.remove('carts', 'removed');
      await ending.sync.close();
      await c.sees(['lives healthy'], 'carts');
      await registry.server.proxy.listen();
      await settled(all, ['lives healthy']);
      for (const one of all)
        expect(one.registry.instances('carts').find(({ id }) => id === 'lives')!.port).to.equal(81);
    });

    it('keeps what was registered at any process after it, also the same again', async () => {
      const all = [join('cut', undefined, true), join('b'), join('c')];
      const [cut, b, c] = all as [RegistryProcess, RegistryProcess, RegistryProcess];
      for (const id of ['same', 'other', 'gone']) await b.put(id, LASTING);
      await allSee(all, ['same healthy', 'other healthy', 'gone healthy']);
      await setOff(cut);
      for (const id of ['same', 'other', 'gone']) cut.registry.remove('carts', id);
      await c.put('same', LASTING);
      await b.put('other', { ...LASTING, weight: 2 });
      await c.sees(['same healthy', 'other healthy', 'gone healthy'], 'carts');
      await registry.server.proxy.listen();
      await settled(all, ['same healthy', 'other healthy']);
      expect(c.registry.mirrored().map(([, id]) => id)).to.not.include('same');
    });
  });
}
