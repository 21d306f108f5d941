// The storms of simulation.test.ts, many more of them.
import { expect } from 'chai';
import { newSeed } from '#test/support/random.js';
import { crowdedStorm, overtaken, storm } from './simulation/storm.js';

const STORMS = 2_000;
const CROWDED = 100;
const OVERTAKEN = 1_000;
const HOUR_MS = 3_600_000;

describe('limits over processes, simulated for long', () => {
  const seed = newSeed();

  it(`admit at most B + N*t in any interval (seed ${seed}, ${STORMS} storms of half an hour)`, () => {
    for (let n = 0; n < STORMS; n++) {
      expect(storm(seed + n, HOUR_MS / 2).excess, `seed ${seed + n}`).to.be.at.most(0);
    }
  });

  it(`admit at most that when processes are killed while they lend (seed ${seed}, ${OVERTAKEN} times)`, () => {
    for (let n = 0; n < OVERTAKEN; n++) {
      expect(overtaken({}, seed + n).excess, `seed ${seed + n}`).to.be.at.most(0);
    }
  });

  it(`admit at most that of any key while the table of keys is full (seed ${seed}, ${CROWDED} storms)`, () => {
    for (let n = 0; n < CROWDED; n++) {
      expect(crowdedStorm(seed + n, HOUR_MS / 4).excess, `seed ${seed + n}`).to.be.at.most(0);
    }
  });
});
