import { expect } from 'chai';
import { expectNothing } from './check.js';
import { CHECKS, OPEN_FAULTS } from './checks/all.js';
import { explore, replay } from './explore.js';
import { parseSchedule } from './schedule.js';
import { type MemoryModules, smallMemory } from './small-memory.js';

describe('shared memory under all schedules', () => {
  let modules: MemoryModules;
  before(async () => {
    modules = await smallMemory();
  });

  for (const check of CHECKS) {
    it(check.title, () => {
      const exploration = explore(check.build(modules), check);
      expectNothing(exploration);
      expect(exploration.states).to.be.above(1);
    });
  }

  for (const { check, reason, schedule } of OPEN_FAULTS) {
    it(`has a known fault: ${reason} (${check.title})`, () => {
      const build = check.build(modules);
      expect(explore(build, check).finding, 'the finding').to.not.equal(undefined);
      expect(replay(build, parseSchedule(schedule)).message).to.not.equal(undefined);
    });
  }
});
