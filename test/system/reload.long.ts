// The long form of reload.test.ts, outside `npm test`: mocha --spec build/test/system/reload.long.js
import { expect } from 'chai';
import { startCluster } from '#test/support/cluster.js';
import { rollUnderLoad } from '#test/support/rolling.js';
import { HAZARDS } from './fixtures/paths.js';

const ROLLS = 50;

describe('rolling replacements, the long form', () => {
  it(`loses no request, on kept and on new connections (${ROLLS} times)`, async function () {
    this.timeout(600_000);
    const cluster = await startCluster({ config: HAZARDS });
    try {
      const accounts = await rollUnderLoad(cluster, '/thread', ROLLS);
      console.log(JSON.stringify(accounts.map(({ lost, ...rest }) => ({ ...rest, lost: lost.length }))));
      for (const account of accounts) {
        expect(account.lost).to.deep.equal([]);
        expect(account.refused).to.equal(0);
        expect(Object.keys(account.statuses)).to.deep.equal(['200']);
      }
      expect(await cluster.stop()).to.deep.equal({ code: 0, signal: null });
    } finally {
      await cluster.dispose();
    }
  });
});
