// Tests a few ages, drawn by a seed; ageing.long.ts tests all of them.
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
  const ages = [11.8 * DAY_MS, ...drawn];

  // The processes wait for most of the time, so they run concurrently.
  let lives: readonly Promise<void>[];
  before(() => {
    lives = ages.map((age) => liveThrough(age, 1));
    for (const life of lives) life.catch(() => undefined); // its test awaits it
  });
  after(() => Promise.allSettled(lives));

  for (const [index, age] of ages.entries()) {
    it(`limits, refuses, ejects and ends like a new one at ${(age / DAY_MS).toFixed(3)} days`, async function () {
      this.timeout(60_000);
      await lives[index];
    });
  }
});
