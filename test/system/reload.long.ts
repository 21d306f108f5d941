// The long form of reload.test.ts and sharding.test.ts, outside `npm test`:
// mocha build/test/system/reload.long.js
// With reuseport it depends on the kernel what becomes of new connections; a network namespace has its own setting:
// unshare -n sh -c 'ip link set lo up; sysctl -w net.ipv4.tcp_migrate_req=1; npx mocha build/test/system/reload.long.js'
import { expect } from 'chai';
import { makeCertificate, needsOpenssl } from '#test/support/certificate.js';
import { newDataDir, startCluster } from '#test/support/cluster.js';
import { rollUnderLoad, servesEveryConnection } from '#test/support/rolling.js';
import { HAZARDS } from './fixtures/paths.js';

const ROLLS = 50;

for (const sharding of ['acceptor', 'reuseport'] as const) {
  for (const withTls of [false, true]) {
    describe(`rolling replacements, SHARDING=${sharding} ${withTls ? 'over TLS' : 'without TLS'}`, () => {
      it(`lose no request, on kept and on new connections (${ROLLS} times)`, async function () {
        this.timeout(900_000);
        if (sharding === 'reuseport' && process.platform !== 'linux') this.skip();
        if (withTls) needsOpenssl(this);
        const dataDir = newDataDir();
        const tls = withTls ? makeCertificate(dataDir, 'shop') : undefined;
        const cluster = await startCluster({ config: HAZARDS, dataDir, tls, env: { SHARDING: sharding } });
        try {
          const { kept, fresh } = await rollUnderLoad(cluster, '/thread', ROLLS);
          for (const [name, { lost, ...counts }] of Object.entries({ kept, fresh })) {
            console.log(name, JSON.stringify({ ...counts, lost: lost.length }));
          }
          for (const account of [kept, fresh]) {
            expect(account.lost).to.deep.equal([]);
            expect(Object.keys(account.statuses)).to.deep.equal(['200']);
          }
          expect(kept.refused + kept.untaken).to.equal(0);
          if (servesEveryConnection(sharding)) expect(fresh.refused + fresh.untaken).to.equal(0);
          expect(await cluster.stop()).to.deep.equal({ code: 0, signal: null });
        } finally {
          await cluster.dispose();
        }
      });
    });
  }
}
