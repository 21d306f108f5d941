// Makes mounted applications of `node:http` ready, at the start of a worker and where a project is checked.
import type { App } from '../server/app.js';
import { deepenStacks } from '../user-code/deep-stacks.js';
import { registrationError } from './registration-error.js';

/**
 * Resolves when they may get requests. Call it once for an App.
 * @param configFile the file that declares the services; undefined for the reference shop
 * @throws ConfigError for one that cannot start, UnreachableError where it cannot reach what it needs
 */
export async function prepareApplications(app: App, configFile: string | undefined): Promise<void> {
  const restoreStacks = deepenStacks();
  try {
    await app.applications.prepared();
  } catch (error) {
    throw registrationError(error, configFile);
  } finally {
    restoreStacks();
  }
}
