// The long form of overwritten-memory.test.ts, outside `npm test`: mocha --spec
// build/test/primary/overwritten-memory.long.js
import { overwrite } from './overwriting.js';

const RUNS = 200;

describe('shared memory that was overwritten, the long form', () => {
  it(`neither stops nor ends what the primary does with it (${RUNS} times)`, async function () {
    this.timeout(600_000);
    await overwrite(RUNS);
  });
});
