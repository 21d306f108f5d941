// A shared registry that has lost everything, with real servers: its revisions begin again, and stand for
// other registrations than before.
import { expect } from 'chai';
import { until } from '#test/support/until.js';
import { useRegistry } from './use-registry.js';

for (const name of ['PostgreSQL', 'etcd'] as const) {
  describe(`a registry in ${name} that has lost everything`, () => {
    const registry = useRegistry(name);
    const { join, setOff } = registry;

    for (const [kind, members] of [
      ['an instance that is renewed', { ttlSeconds: 3_600 }],
      ['a static instance', { ttlSeconds: 0, healthCheckUrl: '/health' }],
    ] as const)
      it(`shows all processes how ${kind} was registered last, also at the same revision`, async () => {
        // So that it is at the same revision.
        await registry.server.lose!();
        const [a, b] = [join('a', undefined, true), join('b', undefined, true)];
        const ports = (): number[] => b.registry.instances('carts').map(({ port }) => port);
        const seesPort = (port: number) => until(ports, (seen) => String(seen) === String(port), 10_000);
        await a.put('x', { ...members, port: 1 });
        expect(await seesPort(1)).to.deep.equal([1]);
        await setOff(a);
        await setOff(b);
        await registry.server.lose!();
        await a.put('x', { ...members, port: 2 });
        await registry.server.proxy.listen();
        expect(await seesPort(2)).to.deep.equal([2]);
      }).timeout(60_000);
  });
}
