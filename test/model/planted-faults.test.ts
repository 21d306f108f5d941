import { expect } from 'chai';
import { explore, replay } from './explore.js';
import { PLANTED_IN_AMOUNTS } from './faults/amounts.js';
import { PLANTED_IN_STATES } from './faults/states.js';
import { parseSchedule } from './schedule.js';
import { smallMemory } from './small-memory.js';

describe('the model checker finds', () => {
  for (const { fault, check, ...patch } of [...PLANTED_IN_AMOUNTS, ...PLANTED_IN_STATES]) {
    it(fault, async () => {
      const build = check.build(await smallMemory(patch));
      const { finding } = explore(build, check);
      expect(finding, 'the finding').to.not.equal(undefined);
      // The schedule alone leads to the failure again.
      const again = replay(build, parseSchedule(finding!.schedule));
      expect(again).to.deep.equal({ message: finding!.message, trace: finding!.trace });
    });
  }
});
