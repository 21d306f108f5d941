import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { sinceHeartbeat, WorkerRow } from '#src/memory/worker-row.js';

describe('the heartbeat of a worker', () => {
  it('has the right age, at every age of the process', () => {
    const block = Block.create({ workers: 1 });
    const row = new WorkerRow(block, 1);
    for (const age of [0, 1, 2 ** 31 - 3, 2 ** 31, 2 ** 32 - 3, 2 ** 32, 3 * 2 ** 31 + 0.5, 2 ** 33]) {
      row.beat(age);
      for (const passed of [0, 5, 1_050]) {
        expect(sinceHeartbeat(block, 1, age + passed), `${age} + ${passed}`).to.be.within(
          passed - 1,
          passed + 1,
        );
      }
      // Clocks of two threads differ by microseconds.
      expect(sinceHeartbeat(block, 1, Math.max(0, age - 0.01)), `just before ${age}`).to.be.at.most(1);
    }
  });
});
