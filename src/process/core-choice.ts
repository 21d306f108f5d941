// Which HTTP core runs: uWebSockets.js where it can, else `node:http`. A rule over facts that are looked up
// only when they are needed, so that HTTP_CORE=node touches nothing of uWebSockets.js.
import type { AskedCore, ChosenCore } from '../config/chosen-core.js';
import { errorMessage } from '../error-text.js';
import { ConfigError } from '../errors.js';
import { AddonMissing } from './addon-hash.js';

/** What can be found out about uWebSockets.js here. */
export interface UwsFacts {
  /** Why it has no build for this platform, and what to do; undefined: it has one. */
  noBuild(): { readonly why: string; readonly remedy: string } | undefined;
  /** @throws AddonMissing when the build is not there, StartError when it is not the pinned one */
  verify(): void;
  /** @throws whatever the system reports when it cannot load the build */
  load(): void;
}

interface Obstacle {
  /** Begins in lower case or with a name; no full stop. */
  readonly why: string;
  /** What to do, as an order; no full stop. */
  readonly remedy: string;
  /** The installation is at fault, not the platform: worth a warning at every start. */
  readonly isFault: boolean;
}

const REINSTALL = 'run "npm ci" (in a new project "npm install")';

/**
 * @throws ConfigError when HTTP_CORE=uws cannot run, with the reason
 * @throws StartError for a build that is not the pinned one. It may have been tampered with, so another core
 *   would only hide that
 */
export function coreChoice(
  { httpCore: asked, httpCoreWritten = 'HTTP_CORE' }: Pick<AskedCore, 'httpCore' | 'httpCoreWritten'>,
  facts: UwsFacts,
): Pick<ChosenCore, 'core' | 'why' | 'warning'> {
  const selected = `${httpCoreWritten}=${asked}`;
  if (asked === 'node') return { core: 'node', why: selected };
  const obstacle = obstacleOf(facts);
  if (obstacle === undefined)
    return { core: 'uws', why: asked === 'uws' ? selected : 'uWebSockets.js loads here' };
  const { why, remedy, isFault } = obstacle;
  if (asked === 'uws')
    throw new ConfigError(`${httpCoreWritten}: uws cannot run: ${why}; ${remedy}, or set it to node`);
  const warning = `the HTTP core node runs, because ${why}; ${remedy}, or set HTTP_CORE to node`;
  return { core: 'node', why, ...(isFault && { warning }) };
}

function obstacleOf(facts: UwsFacts): Obstacle | undefined {
  const lack = facts.noBuild();
  if (lack !== undefined) return { ...lack, isFault: false };
  try {
    facts.verify();
  } catch (error) {
    if (!(error instanceof AddonMissing)) throw error;
    return { why: error.what, remedy: REINSTALL, isFault: true };
  }
  try {
    facts.load();
    return undefined;
  } catch (error) {
    const [reason] = errorMessage(error).split('\n');
    return { why: `uWebSockets.js cannot be loaded: ${reason}`, remedy: REINSTALL, isFault: true };
  }
}
