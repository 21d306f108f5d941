// A process that is cut off while a client removes an instance of it elsewhere, in virtual time: however long
// that lasts, the instance does not come back with the process.
import { expect } from 'chai';
import { Cluster } from './membership/cluster.js';
import { KINDS, type Kind } from './membership/member.js';

const REGISTRANT = { mayShadowLocal: false };
const TTL_SECONDS = 300;
const STARTED_MS = 20_000;
/** Shorter than what is left of the 300 s after the longest cut that they outlast. */
const SETTLED_MS = 20_000;

/** Two processes, of which the first one has an instance of a client that both know. */
async function registered(kind: Kind, ttlSeconds: number) {
  const cluster = new Cluster({ seed: 1, kind, processes: 2, instances: 1 });
  const { time, places } = cluster;
  const [first, other] = places.map((member) => member!);
  const pass = (ms: number): Promise<void> => time.runUntil(time.now + ms);
  await pass(STARTED_MS);
  const body = { host: '10.0.0.9', port: 80, ttlSeconds };
  await first!.registry.put('carts', 'x', body, REGISTRANT);
  await pass(1_000);
  expect(other!.seen.has('carts x'), 'after the registration').to.equal(true);
  return { ...{ cluster, body, pass }, first: first!, other: other! };
}

/** The first process is cut off, and is told that the instance drains; the other one removes it. */
async function cutWhileRemoved(kind: Kind) {
  const { cluster, body, pass, first: cut, other } = await registered(kind, TTL_SECONDS);
  const { network, server } = cluster;
  cut.host.cut();
  cut.registry.drain('carts', 'x');
  other.registry.remove('carts', 'x');
  await pass(1_000);
  expect(server.has('carts', 'x'), 'right after the removal').to.equal(false);
  const back = async (cutForSeconds: number): Promise<void> => {
    await pass(cutForSeconds * 1000);
    network.heal(cut.host);
    await pass(SETTLED_MS);
  };
  return { cut, other, server, body, back };
}

for (const kind of KINDS) {
  describe(`an instance that was removed in ${kind.name} while its process was cut off`, () => {
    for (const seconds of [30, 100, 270, 310])
      it(`does not come back after ${seconds} s`, async () => {
        const { cut, other, server, back } = await cutWhileRemoved(kind);
        await back(seconds);
        for (const { seen } of [cut, other]) expect(seen.has('carts x')).to.equal(false);
        expect(server.has('carts', 'x')).to.equal(false);
      });

    for (const seconds of [30, 100, 270])
      it(`does not take the place of a later one after ${seconds} s`, async () => {
        const { cut, other, body, back } = await cutWhileRemoved(kind);
        for (const port of [81, 82]) {
          await other.registry.put('carts', 'x', { ...body, port }, REGISTRANT);
          if (port === 81) other.registry.remove('carts', 'x');
        }
        await back(seconds);
        for (const { registry } of [cut, other]) {
          const instances = registry.instances('carts').map(({ port, state }) => ({ port, state }));
          expect(instances).to.deep.equal([{ port: 82, state: 'healthy' }]);
        }
      });
  });
}

for (const kind of KINDS) {
  describe(`an instance in ${kind.name} that expires while its process is suspended`, () => {
    const SHORT_TTL_SECONDS = 30;
    /** Longer than a removal is remembered. */
    const SUSPENDED_MS = 200_000;
    const LOOK_MS = 50;

    it('does not come back when it was removed meanwhile', async () => {
      const { cluster, pass, first, other } = await registered(kind, SHORT_TTL_SECONDS);
      first.host.suspend();
      other.registry.remove('carts', 'x');
      await pass(SUSPENDED_MS);
      first.host.resume();
      for (let ms = 0; ms < SETTLED_MS; ms += LOOK_MS) {
        await pass(LOOK_MS);
        expect(cluster.server.has('carts', 'x'), `after ${ms} ms`).to.equal(false);
      }
      expect(first.seen.has('carts x')).to.equal(false);
    });

    it('comes back when its client renews it right after that', async () => {
      const { cluster, pass, first, other } = await registered(kind, SHORT_TTL_SECONDS);
      first.host.suspend();
      await pass(SUSPENDED_MS);
      first.host.resume();
      await pass(500);
      first.registry.heartbeat('carts', 'x');
      await pass(5_000);
      expect(cluster.server.has('carts', 'x')).to.equal(true);
      expect(other.seen.has('carts x')).to.equal(true);
    });
  });
}
