import { expect } from 'chai';
import { countReported } from './flight-kills.js';

const KILLS = 20;

describe('the flight record after kill -9', () => {
  it(`names what was in flight after each of ${KILLS} kills`, async () => {
    expect(await countReported(KILLS)).to.equal(KILLS);
  });
});
