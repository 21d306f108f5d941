// The long form of reload.test.ts and sharding.test.ts, outside `npm test`: mocha
// build/test/system/reload.long.js With reuseport the fate of new connections depends on the kernel; a
// network namespace has its own setting: unshare -n sh -c 'ip link set lo up; sysctl -w
// net.ipv4.tcp_migrate_req=1; npx mocha build/test/system/reload.long.js'
import { renameSync } from 'node:fs';
import { expect } from 'chai';
import { makeCertificate, needsOpenssl, type TestCertificate } from '#test/support/certificate.js';
import { type Cluster, newDataDir, startCluster } from '#test/support/cluster.js';
import { SHARDINGS } from '#test/support/core.js';
import { newSeed } from '#test/support/random.js';
import { PATIENT_DRAIN_MS, rollOnce, rollUnderLoad, servesEveryConnection } from '#test/support/rolling.js';
import { Wire } from '#test/support/wire.js';
import { HAZARDS } from './fixtures/paths.js';

const ROLLS = 50;
/** New connections that must show the renewed certificate after each replacement: both workers get some. */
const LOOKS = 8;

/**
 * Replaces all workers, each time with another certificate and key of the same authority in the files that
 * the cluster was started with.
 */
function renewing(cluster: Cluster, tls: TestCertificate, authority: TestCertificate) {
  return async (time: number): Promise<void> => {
    const name = `renewed-${time}`;
    const { certFile, keyFile } = makeCertificate(cluster.dataDir, name, 30, authority);
    renameSync(keyFile, tls.keyFile);
    renameSync(certFile, tls.certFile);
    await rollOnce(cluster);
    const wires = await Promise.all(Array.from({ length: LOOKS }, () => Wire.open(cluster.url, cluster.ca)));
    expect(wires.map((wire) => wire.certificateName)).to.deep.equal(wires.map(() => name));
    for (const wire of wires) wire.destroy();
  };
}

for (const sharding of SHARDINGS) {
  for (const withTls of [false, true]) {
    describe(`rolling replacements, SHARDING=${sharding} ${withTls ? 'over TLS, each with a renewed certificate' : 'without TLS'}`, () => {
      const seed = newSeed();
      it(`lose no request, on kept, idle and new connections (${ROLLS} times, seed ${seed})`, async function () {
        this.timeout(1_800_000);
        if (sharding === 'reuseport' && process.platform !== 'linux') this.skip();
        if (withTls) needsOpenssl(this);
        const dataDir = newDataDir();
        const authority = withTls ? makeCertificate(dataDir, 'authority') : undefined;
        const tls = authority && makeCertificate(dataDir, 'shop', 30, authority);
        const env = { SHARDING: sharding, DRAIN_MS: String(PATIENT_DRAIN_MS) };
        const cluster = await startCluster({ config: HAZARDS, dataDir, tls, env });
        try {
          const roll = tls && authority && renewing(cluster, tls, authority);
          const { kept, thinking, fresh } = await rollUnderLoad(cluster, '/thread', ROLLS, seed, 0, roll);
          for (const [name, { lost, ...counts }] of Object.entries({ kept, thinking, fresh })) {
            console.log(name, JSON.stringify({ ...counts, lost: lost.length }));
          }
          for (const account of [kept, thinking, fresh]) {
            expect(account.lost).to.deep.equal([]);
            expect(Object.keys(account.statuses)).to.deep.equal(['200']);
          }
          expect(kept.refused + kept.untaken + kept.closedIdle + thinking.closedIdle).to.equal(0);
          if (servesEveryConnection(sharding)) {
            expect(fresh.refused + fresh.untaken + thinking.untaken).to.equal(0);
          }
          expect(await cluster.stop()).to.deep.equal({ code: 0, signal: null });
        } finally {
          await cluster.dispose();
        }
      });
    });
  }
}
