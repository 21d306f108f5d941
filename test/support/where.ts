// Tests that only some versions of Node.js can run. On the others they do not exist, so they are not among
// the tests that were left out for want of a program.

type Test = (this: Mocha.Context) => Promise<void>;

/** @param canRun whether this version can run the test */
export const itWhere = (canRun: boolean): ((title: string, test: Test) => void) =>
  canRun ? (title, test) => void it(title, test) : () => undefined;
