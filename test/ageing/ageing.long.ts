// This file is not part of `npm test`. Run: mocha --timeout 3600000 build/test/ageing/ageing.long.js
import { AGES_MS, DAY_MS } from '#test/memory/ages.js';
import { liveThrough } from './aged.js';

/** Rounds per age; they take about half a minute. */
const ROUNDS = 10;

describe('a process that has run for long, at every critical age', () => {
  for (const age of AGES_MS) {
    it(`works through ${(age / DAY_MS).toFixed(3)} days`, () => liveThrough(age, ROUNDS)).timeout(300_000);
  }
});
