import { noContainers, secondStart, secondStartBesidePaused } from './namespaces.js';

describe('two containers on one DATA_DIR', function () {
  this.timeout(90_000);
  before(function () {
    if (noContainers() !== undefined) this.skip();
  });

  it('the second start is refused, and has the folder when the first has ended', secondStart);

  it('and one that is paused while it starts: one of them serves, with one PostgreSQL', () =>
    secondStartBesidePaused('starting', 700));
});
