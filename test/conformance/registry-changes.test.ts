// Which change of an instance counts, in every registry that several processes share, with real servers.
import { expect } from 'chai';
import { HttpError } from '#src/errors.js';
import { SERVERS } from './registry-servers.js';
import { useRegistry } from './use-registry.js';

async function codeOf(change: () => unknown): Promise<unknown> {
  try {
    await change();
    return undefined;
  } catch (error) {
    return error instanceof HttpError ? error.code : error;
  }
}

for (const name of Object.keys(SERVERS)) {
  describe(`a change in a registry in ${name}`, () => {
    const registry = useRegistry(name as keyof typeof SERVERS);
    const { join, setOff } = registry;

    it('by a client has no effect on what a process serves itself, and needs a token for its service', async () => {
      const [a, b] = [join('a', 1), join('b')];
      const id = '10.0.0.1:1';
      await b.sees([`${id} healthy`]);
      for (const change of [
        () => b.put(id, { port: 9 }, 'orders'),
        () => b.put('x', {}, 'orders'),
        () => b.registry.heartbeat('orders', id),
        () => b.registry.drain('orders', id),
        () => b.registry.remove('orders', id),
      ])
        expect(await codeOf(change)).to.equal('ADDRESS_NOT_ALLOWED');
      await b.put('y');
      await a.sees(['y healthy'], 'carts');
      for (const one of [a, b]) expect(one.view()).to.deep.equal([`${id} healthy`]);
    });

    it('without a token ends when a process serves its service itself, also when that was not known', async () => {
      const [a, cut, c] = [join('a'), join('cut', undefined, true), join('c')];
      await a.put('x', { ttlSeconds: 3_600 }, 'orders');
      await setOff(cut);
      const serving = join('serving', 1);
      await Promise.all([a, c].map((one) => one.sees(['10.0.0.1:1 healthy'])));
      // The process that is cut off does not know of it.
      await cut.put('y', { ttlSeconds: 3_600 }, 'orders');
      await registry.server.proxy.listen();
      await cut.sees(['10.0.0.1:1 healthy']);
      await cut.put('z');
      for (const one of [a, c, serving]) {
        await one.sees(['z healthy'], 'carts');
        expect(one.view()).to.deep.equal(['10.0.0.1:1 healthy']);
      }
    });

    it('to draining at another process than that of the instance stays', async () => {
      const [a, b, c] = [join('a'), join('b'), join('c')];
      await a.put('x', { ttlSeconds: 3_600 });
      await Promise.all([b, c].map((one) => one.sees(['x healthy'], 'carts')));
      b.registry.drain('carts', 'x');
      await Promise.all([a, c].map((one) => one.sees(['x draining'], 'carts')));
      // Two renewals, and a list of everything.
      await c.put('y');
      await registry.server.write('carts', 'z', '{"host":"10.0.0.2","port":1}');
      await new Promise((resolve) => setTimeout(resolve, 0.8 * registry.server.ttlSeconds * 1000));
      for (const one of [a, b, c]) expect(one.view('carts')).to.include('x draining');
    });

    it('that comes late, after an outage, has no effect on what was registered since', async () => {
      const [cut, b, c] = [join('cut', undefined, true), join('b'), join('c')];
      await cut.put('own', { port: 1, ttlSeconds: 3_600 });
      for (const id of ['removed', 'again']) await b.put(id, { port: 1, ttlSeconds: 3_600 });
      await Promise.all(
        [cut, c].map((one) => one.sees(['own healthy', 'removed healthy', 'again healthy'], 'carts')),
      );
      await setOff(cut);
      for (const id of ['own', 'removed', 'again']) cut.registry.remove('carts', id);
      await c.put('own', { port: 2, ttlSeconds: 0, healthCheckUrl: '/h' });
      await b.put('again', { port: 2, ttlSeconds: 3_600 });
      await registry.server.proxy.listen();
      const last = ['own starting', 'again healthy'];
      await Promise.all([cut, b, c].map((one) => one.sees(last, 'carts')));
      for (const one of [cut, b, c])
        expect(one.registry.instances('carts').map(({ port }) => port)).to.deep.equal([2, 2]);
    });

    it('by the end of its time does not take an instance away that its process still has', async () => {
      const [a, b] = [join('a', 1), join('b', 2)];
      const both = ['10.0.0.1:1 healthy', '10.0.0.1:2 healthy'];
      await a.put('x', { ttlSeconds: 3_600 });
      await b.put('y', { ttlSeconds: 3_600 });
      const clients = ['x healthy', 'y healthy'];
      await Promise.all([a, b].map((one) => one.sees(clients, 'carts')));
      await registry.server.expire();
      await a.put('later');
      await Promise.all([a, b].map((one) => one.sees([...clients, 'later healthy'], 'carts')));
      await Promise.all([a, b].map((one) => one.sees(both)));
      b.registry.remove('carts', 'x');
      await a.sees(['y healthy', 'later healthy'], 'carts');
    });

    it('that removes an instance reaches its process also after an outage', async () => {
      const [cut, b] = [join('cut', undefined, true), join('b')];
      for (const id of ['x', 'y']) await cut.put(id, { ttlSeconds: 3_600 });
      await b.sees(['x healthy', 'y healthy'], 'carts');
      await setOff(cut);
      b.registry.remove('carts', 'x');
      await registry.server.proxy.listen();
      await Promise.all([cut, b].map((one) => one.sees(['y healthy'], 'carts')));
      await cut.put('z');
      await b.sees(['y healthy', 'z healthy'], 'carts');
    });
  });
}
