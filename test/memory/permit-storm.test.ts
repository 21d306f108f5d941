import { expect } from 'chai';
import { newSeed } from '#test/support/random.js';
import { permitStorm } from './permit-storm.js';

const KILLS = 8;

describe('permits of threads that are killed at random', () => {
  const seed = newSeed();

  it(`are counted exactly after ${KILLS} kills among threads that continue (SEED=${seed})`, async () => {
    const { held, counted } = await permitStorm(KILLS, seed);
    expect(counted).to.deep.equal(held);
  });
});
