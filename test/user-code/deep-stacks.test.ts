import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { importUserModule } from '#src/user-code/module.js';

const PACKAGE = import.meta.resolve('multilane');

/** Definitions with one mistake each, in the fourth line of a module. */
const MISTAKES = [
  'defineService({ name: "No", routes() {} })',
  'defineService({ name: "a", rotes() {} })',
  'defineService({ name: "a", routes() {}, migrations: "./migrations/" })',
  'defineSaga({ name: "", version: 1, steps: [step] })',
  'defineSaga({ name: "a", version: 0.5, steps: [step] })',
  'defineSaga({ name: "a", version: 1, steps: [] })',
  'defineSaga({ name: "a", version: 1, steps: [step, step] })',
  'defineSaga({ name: "a", version: 1, steps: [{ ...step, undo() {} }] })',
  'defineSaga({ name: "a", version: 1, steps: [{ ...step, retry: { attempt: 3 } }] })',
  'defineSaga({ name: "a", version: 1, steps: [{ ...step, retry: { attempts: 0 } }] })',
  'defineSaga({ name: "a", version: 1, steps: [{ ...step, timeoutMs: -1 }] })',
  'defineService({ name: "a", routes() {}, sagas: [{}] })',
  'createRateLimiter({ limit: "often" })',
  'createBreaker({ failureRate: 2 })',
  'createBulkhead({ limit: 0 })',
];

describe('a mistake in a definition', () => {
  const folder = mkdtempSync(join(tmpdir(), 'multilane-test-'));
  const limit = Error.stackTraceLimit;
  // The default of Node.js; the test runner sets another one.
  before(() => (Error.stackTraceLimit = 10));
  after(() => {
    Error.stackTraceLimit = limit;
    rmSync(folder, { recursive: true });
  });

  for (const [number, mistake] of MISTAKES.entries()) {
    it(`is reported with its line, however deep the check is: ${mistake}`, async () => {
      const path = join(folder, `mistake-${number}.mjs`);
      const names = 'defineService, defineSaga, createBreaker, createBulkhead, createRateLimiter';
      writeFileSync(
        path,
        `import { ${names} } from '${PACKAGE}';\n\nconst step = { name: 's', run() {} };\n${mistake};\n`,
      );
      const failure: unknown = await importUserModule(path).catch((error: unknown) => error);
      expect((failure as Error).message).to.contain(`mistake-${number}.mjs:4:`);
    });
  }

  it('leaves the limit of stacks as it was', async () => {
    const path = join(folder, 'fine.mjs');
    writeFileSync(path, 'export const limit = Error.stackTraceLimit;\n');
    expect((await importUserModule(path)).limit).to.be.above(10);
    expect(Error.stackTraceLimit).to.equal(10);
  });
});
