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

/** Whether an instance is there at the end, of a process that was cut off while it was removed. */
async function isBack(kind: Kind, cutForSeconds: number): Promise<boolean> {
  const { time, places, network, server } = new Cluster({ seed: 1, kind, processes: 2, instances: 1 });
  const [cut, other] = places.map((member) => member!);
  const pass = (ms: number): Promise<void> => time.runUntil(time.now + ms);
  await pass(STARTED_MS);
  const body = { host: '10.0.0.9', port: 80, ttlSeconds: TTL_SECONDS };
  await cut!.registry.put('carts', 'x', body, REGISTRANT);
  await pass(1_000);
  cut!.host.cut();
  other!.registry.remove('carts', 'x');
  await pass(1_000);
  expect(server.has('carts', 'x'), 'right after the removal').to.equal(false);
  await pass(cutForSeconds * 1000);
  network.heal(cut!.host);
  await pass(SETTLED_MS);
  const isThere = server.has('carts', 'x');
  for (const { seen } of [cut!, other!]) expect(seen.has('carts x')).to.equal(isThere);
  return isThere;
}

for (const kind of KINDS) {
  describe(`an instance that was removed in ${kind.name} while its process was cut off`, () => {
    for (const seconds of [30, 100, 270, 310])
      it(`does not come back after ${seconds} s`, async () => {
        expect(await isBack(kind, seconds)).to.equal(false);
      });
  });
}
