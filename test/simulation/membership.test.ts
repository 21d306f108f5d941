// Clusters with a shared registry in virtual time: the real registry, and the real loops of its backends over
// simulated servers.
import { expect } from 'chai';
import { findingOf } from './finding-of.js';
import { playHerd } from './membership/herd.js';
import { KINDS } from './membership/member.js';
import { PLANTED_IN_CLUSTERS } from './membership/planted.js';
import { playCluster } from './membership/play-cluster.js';

const seed = Number(process.env.SEED ?? 1);
/** Clusters, each with a seed of its own; simulation.long.ts plays thousands. */
const CLUSTERS = 4;
const HOURS = 2;
const HERD = { seed, processes: 40, instances: 5 };

for (const kind of KINDS) {
  describe(`clusters with a registry in ${kind.name} in simulated time (SEED=${seed})`, () => {
    it(`keep all rules for ${CLUSTERS * HOURS} hours`, async () => {
      for (let n = 0; n < CLUSTERS; n += 1) await playCluster({ seed: seed + n, kind, hours: HOURS });
    }).timeout(180_000);

    it('do not come as a herd when the server returns, and are all back within two seconds', () =>
      playHerd({ ...HERD, kind })).timeout(180_000);

    it('would come as a herd without jitter, and the simulator finds that', async () => {
      const finding = await findingOf(playHerd({ ...HERD, kind, jitter: () => 0.5 }));
      expect(finding.rule, finding.message).to.equal('no herd');
    }).timeout(180_000);

    it('are the same for the same seed', async () => {
      const [first, again] = [await playCluster({ seed, kind }), await playCluster({ seed, kind })];
      expect(again).to.deep.equal(first);
      expect((await playCluster({ seed: seed + 4, kind })).digest).not.to.equal(first.digest);
    }).timeout(180_000);
  });
}

describe('the simulator of clusters finds', () => {
  for (const { fault, kind, rules } of PLANTED_IN_CLUSTERS) {
    it(`${fault} (${rules.join(', ')})`, async () => {
      const removes = rules.includes('removed instances leave');
      const finding = await findingOf(playCluster({ seed, kind, hours: 10, removes }));
      expect(finding.rule, finding.message).to.be.oneOf([...rules]);
    }).timeout(180_000);
  }
});
