import { noContainers, secondStart, secondStartBesidePaused } from './namespaces.js';

describe('two containers on one DATA_DIR', function () {
  this.timeout(90_000);
  before(function () {
    if (noContainers() !== undefined) this.skip();
  });

  it('refuse the second start, which owns the folder once the first process has ended', secondStart);

  it('have one process that serves and one PostgreSQL, also when one is paused while it starts', () =>
    secondStartBesidePaused('starting', 700));
});
