import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { readWorker, sinceHeartbeat, WorkerRow } from '#src/memory/worker-row.js';

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

describe('the route that a worker publishes', () => {
  /** What is under way when V8 ends the running code, which runs no `finally`. */
  const CUT_OFF: Readonly<Record<string, (row: WorkerRow) => void>> = {
    'a handler': (row) => row.enterRoute(1, 10),
    'a call in process within a handler': (row) => {
      row.enterRoute(1, 10);
      row.enterRoute(2, 20);
    },
    'a continuation': (row) => row.continueRoute(1),
    'a call in process within a continuation': (row) => {
      row.continueRoute(1);
      row.enterRoute(2, 20);
    },
  };

  for (const [what, begin] of Object.entries(CUT_OFF)) {
    it(`is none from the next heartbeat on when ${what} was cut off, and later ones have their own times`, () => {
      const block = Block.create({ workers: 1 });
      const row = new WorkerRow(block, 1);
      begin(row);
      row.beat(50);
      expect(readWorker(block, 1).currentRoute).to.equal(undefined);
      const before = row.enterRoute(3, 1_000);
      expect(readWorker(block, 1)).to.deep.include({ currentRoute: 3, currentSince: 1_000 });
      row.leaveRoute(before);
      expect(readWorker(block, 1).currentRoute).to.equal(undefined);
    });
  }
});
