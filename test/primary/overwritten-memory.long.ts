// The long form of overwritten-memory.test.ts, outside `npm test`: mocha --spec
// build/test/primary/overwritten-memory.long.js
import { overwrite } from './overwriting.js';

const RUNS = 200;

describe('the primary, after its shared memory was overwritten many times', () => {
  it(`still does everything with it without an exception or an endless loop (${RUNS} times)`, async function () {
    this.timeout(600_000);
    await overwrite(RUNS);
  });
});
