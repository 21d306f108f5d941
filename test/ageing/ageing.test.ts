// A few of the ages, drawn by a seed; ageing.long.ts has all of them.
import { AGES_MS, DAY_MS } from '#test/memory/ages.js';
import { newSeed, seeded } from '#test/support/random.js';
import { liveThrough } from './aged.js';

const AGES = 1;

describe('a process that has run for long', () => {
  const random = seeded(newSeed());
  const drawn = AGES_MS.map((age) => [random(), age] as const)
    .sort(([a], [b]) => a - b)
    .slice(0, AGES)
    .map(([, age]) => age);
  for (const age of [11.8 * DAY_MS, ...drawn]) {
    it(`limits, refuses, ejects and ends as a young one, at ${(age / DAY_MS).toFixed(3)} days`, async function () {
      this.timeout(60_000);
      await liveThrough(age, 1);
    });
  }
});
