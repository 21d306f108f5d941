// The long form of pm2.test.ts, outside `npm test`: mocha --spec build/test/system/pm2.long.js
import { expect } from 'chai';
import { Pm2 } from '#test/support/pm2.js';
import { newSeed } from '#test/support/random.js';
import { HAZARDS } from './fixtures/paths.js';

const RELOADS = 20;

describe('pm2 reload, the long form', () => {
  const seed = newSeed();
  it(`loses no request, on kept, idle and new connections (${RELOADS} times, seed ${seed})`, async function () {
    this.timeout(600_000);
    const pm2 = await Pm2.start({ config: HAZARDS });
    try {
      const accounts = await pm2.reloadUnderLoad('/thread', seed, RELOADS, 0);
      for (const account of accounts) console.log(JSON.stringify(account));
      for (const { lost, refused, statuses } of accounts) {
        expect(lost).to.deep.equal([]);
        expect(refused).to.equal(0);
        expect(Object.keys(statuses)).to.deep.equal(['200']);
      }
      expect(pm2.readyLines).to.equal(RELOADS + 1);
    } finally {
      await pm2.dispose();
    }
  });
});
