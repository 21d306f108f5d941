// Outside `npm test`: mocha --timeout 3600000 build/test/memory/permit-storm.long.js
import { expect } from 'chai';
import { newSeed } from '#test/support/random.js';
import { permitStorm } from './permit-storm.js';

const [STORMS, KILLS] = [10, 100];

describe('permits of threads that are killed at random, again and again', () => {
  const seed = newSeed();

  it(`are counted exactly after each of ${STORMS} times ${KILLS} kills (SEED=${seed})`, async () => {
    let late = 0;
    for (let storm = 0; storm < STORMS; storm++) {
      const outcome = await permitStorm(KILLS, seed + storm);
      expect(outcome.counted, `storm ${storm}`).to.deep.equal(outcome.held);
      late += outcome.late;
    }
    console.log(`      ${late} of ${(STORMS * KILLS) / 2} times a census was still owed after a reclaim`);
  });
});
