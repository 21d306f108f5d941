import { expectNothing } from './check.js';
import { CHECKS } from './checks/all.js';
import { explore } from './explore.js';
import { smallMemory } from './small-memory.js';

describe('shared memory under all schedules, with more interruptions', () => {
  for (const { title, build, interruptions, deepInterruptions = Number.POSITIVE_INFINITY } of CHECKS) {
    // Without a bound the shorter test has explored all runs.
    if (interruptions === undefined) continue;
    it(title, async () => {
      expectNothing(explore(build(await smallMemory()), { interruptions: deepInterruptions }));
    });
  }
});
