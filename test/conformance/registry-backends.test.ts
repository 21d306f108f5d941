// What holds for every registry that several processes share, with real servers.
import { expect } from 'chai';
import { needsEtcd } from '#test/support/etcd.js';
import { until } from '#test/support/until.js';
import { RegistryProcess } from './registry-process.js';
import { type RegistryServer, SERVERS } from './registry-servers.js';

for (const [name, start] of Object.entries(SERVERS)) {
  describe(`a registry in ${name}`, () => {
    let server: RegistryServer;
    const processes: RegistryProcess[] = [];
    const announceInadmissible = ({ backend }: RegistryProcess): void => {
      const text = name === 'etcd' ? 'x'.repeat(2_000_000) : '\0';
      const bad = { host: '10.0.0.9', port: 1, metadata: { text }, state: 'healthy' } as const;
      backend.announce({
        service: 'carts',
        id: 'bad',
        body: bad,
        isLocal: false,
        isStatic: false,
        isExpired: () => false,
      });
    };
    const join = (owner: string, port?: number, isThrough = false): RegistryProcess => {
      const process = new RegistryProcess(owner, server.backend(owner, isThrough), port);
      processes.push(process);
      return process;
    };

    before(function () {
      if (name === 'etcd') needsEtcd(this);
    });
    beforeEach(async () => {
      server = await start();
    });
    afterEach(async () => {
      await Promise.all(processes.splice(0).map((process) => process.sync.close()));
      await server.close();
    });

    it('shows the instances of every process to all others, as they are and as they change', async () => {
      const [a, b] = [join('a', 1), join('b', 2)];
      const both = ['10.0.0.1:1 healthy', '10.0.0.1:2 healthy'];
      await Promise.all([a.sees(both), b.sees(both)]);
      a.registry.setLocalState('orders', 'draining');
      await b.sees(['10.0.0.1:1 draining', '10.0.0.1:2 healthy']);
      a.registry.setLocalState('orders', 'healthy');
      await b.sees(both);
      const c = join('c');
      await c.sees(both);
      const metadata = Object.fromEntries(Array.from({ length: 32 }, (_, n) => [`k${n}`, 'ü']));
      const members = { weight: 7, zone: 'z', version: '2', metadata, protocol: 'grpc', ttlSeconds: 3_600 };
      await a.put('x', members);
      await c.sees(['x healthy'], 'carts');
      expect(c.registry.instances('carts')[0]).to.deep.include({ host: '10.0.0.9', port: 80, ...members });
      a.registry.remove('carts', 'x');
      await c.sees([], 'carts');
    });

    it('lets every process probe an instance with a health check by itself', async () => {
      const [a, b] = [join('a'), join('b')];
      await a.put('x', { healthCheckUrl: '/health' });
      await b.sees(['x starting'], 'carts');
      for (const { probed } of [a, b]) expect(probed).to.have.length(1);
    });

    it('loses the instances of a process that ends at once, and of one that is killed after their time', async () => {
      const [a, b] = [join('a', 1), join('b', 2)];
      await b.sees(['10.0.0.1:1 healthy', '10.0.0.1:2 healthy']);
      await a.sync.close();
      await b.sees(['10.0.0.1:2 healthy']);
      const c = join('c', 3, true);
      await b.sees(['10.0.0.1:2 healthy', '10.0.0.1:3 healthy']);
      await server.proxy.refuse();
      const since = performance.now();
      await b.sees(['10.0.0.1:2 healthy']);
      expect(performance.now() - since).to.be.above(0.5 * server.ttlSeconds * 1000);
      // The process itself goes on with what it knows.
      await c.sees(['10.0.0.1:2 healthy', '10.0.0.1:3 healthy']);
      expect(c.sync.isAvailable).to.equal(false);
      await server.proxy.listen();
      await b.sees(['10.0.0.1:2 healthy', '10.0.0.1:3 healthy']);
      await until(
        () => c.sync.isAvailable,
        (is) => is,
      );
      expect(c.lines.map(({ msg }) => msg)).to.deep.equal([
        'the registry cannot be reached; the instances that were found before stay, trying again',
        'the registry can be reached again',
      ]);
    });

    it('is complete again after a connection was cut, whatever has changed meanwhile', async () => {
      const a = join('a', 1, true);
      const b = join('b', 2);
      const both = ['10.0.0.1:1 healthy', '10.0.0.1:2 healthy'];
      await Promise.all([a.sees(both), b.sees(both)]);
      await server.proxy.refuse();
      await b.put('x');
      const c = join('c', 3);
      await until(
        () => b.view(),
        (seen) => seen.includes('10.0.0.1:3 healthy'),
      );
      await b.sync.close();
      await c.sees(['10.0.0.1:3 healthy']);
      await server.proxy.listen();
      const last = ['10.0.0.1:1 healthy', '10.0.0.1:3 healthy'];
      await Promise.all([a.sees(last), c.sees(last), a.sees([], 'carts')]);
    });

    it('is complete soon after a change that was never notified, or that has removed what is announced', async () => {
      const [a, b] = [join('a', 1), join('b', 2)];
      const both = ['10.0.0.1:1 healthy', '10.0.0.1:2 healthy'];
      await Promise.all([a.sees(both), b.sees(both)]);
      await server.write('carts', 'x', '{"host":"10.0.0.2","port":9}');
      await Promise.all([a, b].map((one) => one.sees(['x healthy'], 'carts')));
      await server.clear();
      await Promise.all([a.sees(both), b.sees(both)]);
    });

    it('has of an instance that two processes announce at once one owner, for good', async () => {
      const [a, b, c] = [join('a'), join('b'), join('c')];
      const ids = Array.from({ length: 20 }, (_, n) => `x${n}`);
      await Promise.all(ids.flatMap((id) => [a.put(id, { port: 1 }), b.put(id, { port: 2 })]));
      const all = ids.map((id) => `${id} healthy`);
      await Promise.all([a, b, c].map((one) => one.sees(all, 'carts')));
      const portsOf = ({ registry }: RegistryProcess) =>
        JSON.stringify(registry.instances('carts').map(({ port }) => port));
      await until(
        () => [a, b, c].map(portsOf),
        ([first, ...others]) => others.every((one) => one === first),
      );
      expect(portsOf(b)).to.equal(portsOf(a));
      expect(portsOf(c)).to.equal(portsOf(a));
      const owned = (one: RegistryProcess): number => 20 - one.registry.mirrored().length;
      expect(owned(a) + owned(b)).to.equal(20);
    });

    it('has what was registered last, also after an outage of a process that had it before', async () => {
      const [a, b, c] = [join('a', undefined, true), join('b'), join('c')];
      await a.put('x', { port: 1 });
      await Promise.all([b, c].map((one) => one.sees(['x healthy'], 'carts')));
      await server.proxy.refuse();
      await b.put('x', { port: 2 });
      await until(
        () => a.sync.isAvailable,
        (is) => !is,
      );
      await server.proxy.listen();
      await a.put('y');
      for (const one of [a, b, c]) {
        await one.sees(['x healthy', 'y healthy'], 'carts');
        const [x] = await until(
          () => one.registry.instances('carts'),
          ([first]) => first?.port === 2,
        );
        expect(x?.port).to.equal(2);
      }
    });

    it('loses nothing in an outage, in whichever order processes come back', async () => {
      const all = [1, 2, 3, 4].map((port) => join(`p${port}`, port, true));
      const whole = all.map((_, n) => `10.0.0.1:${n + 1} healthy`);
      await Promise.all(all.map((one) => one.sees(whole)));
      await server.proxy.refuse();
      await Promise.all(
        all.map((one) =>
          until(
            () => one.sync.isAvailable,
            (is) => !is,
          ),
        ),
      );
      // The time of all of them passes.
      await new Promise((resolve) => setTimeout(resolve, 1.5 * server.ttlSeconds * 1000));
      await server.proxy.listen();
      let fewest = whole.length;
      await until(
        () => {
          for (const one of all) fewest = Math.min(fewest, one.view().length);
          return all.every((one) => one.sync.isAvailable);
        },
        (is) => is,
      );
      const late = join('late');
      await late.sees(whole);
      for (const one of all) fewest = Math.min(fewest, one.view().length);
      expect(fewest).to.equal(whole.length);
    });

    it('sees changes while others never cease', async () => {
      const [a, b] = [join('a', 1), join('b')];
      await b.sees(['10.0.0.1:1 healthy']);
      let count = 0;
      const changing = setInterval(() => {
        count += 1;
        void b.put('x', { weight: 1 + (count % 100) });
      }, 4);
      try {
        await a.sees(['x healthy'], 'carts');
        await until(
          () => count,
          (now) => now > 2,
        );
        const before = a.registry.instances('carts')[0]?.weight;
        const after = await until(
          () => a.registry.instances('carts')[0]?.weight,
          (weight) => weight !== before,
        );
        expect(after).to.not.equal(before);
      } finally {
        clearInterval(changing);
      }
    });

    it('keeps no instances out because of one that it does not admit', async () => {
      const [a, b] = [join('a', 1), join('b')];
      await b.sees(['10.0.0.1:1 healthy']);
      announceInadmissible(a);
      for (let n = 0; n < 10; n += 1) await a.put(`x${n}`);
      await b.sees(
        Array.from({ length: 10 }, (_, n) => `x${n} healthy`),
        'carts',
      );
      expect(a.lines.map(({ msg }) => msg)).to.deep.equal([
        'the registry does not admit a change of this process, so others do not learn of it; trying again',
      ]);
      expect(a.sync.isAvailable).to.equal(true);
    });

    it('admits nothing that a registration would not be admitted with', async () => {
      // Such a registry has refused all of it before.
      if (server.isChecked === true) return;
      const a = join('a', 1);
      await join('b').sees(['10.0.0.1:1 healthy']);
      await server.write('carts', 'ok', '{"host":"10.0.0.2","port":1}');
      await server.write('carts', 'metadata', '{"host":"169.254.169.254","port":1}');
      await server.write('carts', 'shape', '[]');
      await server.write('carts', 'port', '{"host":"10.0.0.2","port":0}');
      await server.write('Carts', 'name', '{"host":"10.0.0.2","port":1}');
      const large = 'a-b'.repeat(60_000);
      // The table does not admit it.
      const isBounded = name === 'PostgreSQL';
      const body = JSON.stringify({ host: '10.0.0.2', port: 1, large });
      if (!isBounded) await server.write('carts', 'large', body);
      // A process serves it itself.
      await server.write('orders', 'stranger', '{"host":"10.0.0.2","port":1}');
      await a.sees(['ok healthy'], 'carts');
      await until(
        () => a.refused,
        (refused) => refused >= (isBounded ? 5 : 6),
      );
      expect(a.view()).to.deep.equal(['10.0.0.1:1 healthy']);
      expect(a.lines[0]).to.deep.include({ msg: 'an instance in the registry is not admitted here' });
    });

    it('has an instance at the process at which its client renews it', async () => {
      const [a, b, c] = [join('a'), join('b'), join('c')];
      await a.put('x', { ttlSeconds: 3 });
      await b.sees(['x healthy'], 'carts');
      b.registry.heartbeat('carts', 'x');
      await until(
        () => a.registry.mirrored().length,
        (mirrored) => mirrored === 1,
      );
      await a.sync.close();
      await c.sees(['x healthy'], 'carts');
      c.registry.remove('carts', 'x');
      await b.sees([], 'carts');
    });

    it('has what two processes serve at one address until both have ended, in the state of the later one', async () => {
      const [watching, old] = [join('watching'), join('old', 1)];
      await watching.sees(['10.0.0.1:1 healthy']);
      const successor = join('successor', 1);
      await until(
        () => old.refused,
        (refused) => refused > 0,
      );
      // The old one drains and ends, as in a replacement.
      old.registry.setLocalState('orders', 'draining');
      await watching.put('x');
      await successor.sees(['x healthy'], 'carts');
      expect(watching.view()).to.deep.equal(['10.0.0.1:1 healthy']);
      await old.sync.close();
      await watching.put('y');
      await successor.sees(['x healthy', 'y healthy'], 'carts');
      expect(watching.view()).to.deep.equal(['10.0.0.1:1 healthy']);
      // A third one comes and fails: the second one is there again.
      const third = join('third', 1);
      await until(
        () => successor.refused,
        (refused) => refused > 0,
      );
      await third.sync.close();
      await watching.put('z');
      await successor.sees(['x healthy', 'y healthy', 'z healthy'], 'carts');
      await watching.sees(['10.0.0.1:1 healthy']);
      await successor.sync.close();
      await watching.sees([]);
    });

    it('loses a static instance that was removed while a process was cut off', async () => {
      const [a, b] = [join('a', undefined, true), join('b')];
      await a.put('x', { ttlSeconds: 0, healthCheckUrl: '/h' });
      await b.sees(['x starting'], 'carts');
      await server.proxy.refuse();
      a.registry.remove('carts', 'x');
      await until(
        () => a.sync.isAvailable,
        (is) => !is,
      );
      await server.proxy.listen();
      await b.sees([], 'carts');
      expect(a.view('carts')).to.deep.equal([]);
    });

    it('keeps an instance without an end after its process has ended, until it is removed', async () => {
      const [a, b] = [join('a'), join('b')];
      await a.put('x', { ttlSeconds: 0, healthCheckUrl: '/h' });
      await b.sees(['x starting'], 'carts');
      await a.sync.close();
      const c = join('c');
      await c.sees(['x starting'], 'carts');
      c.registry.remove('carts', 'x');
      await b.sees([], 'carts');
      await c.sees([], 'carts');
    });

    it('has many instances of one process for as long as it renews them, beside one that is not admitted', async () => {
      const [a, b] = [join('a'), join('b')];
      announceInadmissible(a);
      const most = 1_000;
      for (let n = 0; n < most; n++) await a.put(`x${n}`, { ttlSeconds: 3_600 });
      await until(
        () => b.registry.instances('carts').length,
        (count) => count === most,
      );
      await new Promise((resolve) => setTimeout(resolve, 2 * server.ttlSeconds * 1000));
      expect(b.registry.instances('carts')).to.have.length(most);
    });
  });
}
