import { expect } from 'chai';
import { Finding } from './trace.js';

/** The rule that a simulation has found to be broken. */
export async function findingOf(run: Promise<unknown>): Promise<Finding> {
  const finding = await run.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(finding, 'a finding').to.be.instanceOf(Finding);
  return finding as Finding;
}
