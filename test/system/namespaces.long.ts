import { noContainers, secondStart, secondStartBesidePaused } from './namespaces.js';

const ROUNDS = 10;

describe('two containers on one DATA_DIR, again and again', function () {
  this.timeout(120_000);
  before(function () {
    if (noContainers() !== undefined) this.skip();
  });

  for (let round = 1; round <= ROUNDS; round += 1) {
    it(`refuse the second start, round ${round}`, secondStart);
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    it(`have one process that serves when one is paused ${round * 200} ms after its start`, () =>
      secondStartBesidePaused('starting', round * 200));
    it(`have one process that serves when one is paused ${round * 40} ms after a signal to end`, () =>
      secondStartBesidePaused('stopping', round * 40));
  }
});
