// Who owns a folder, as files in it: pid, start time and boot, because a pid alone is reused. One process owns a
// DATA_DIR; two when the second one is about to take over.
import { StartError } from '../errors.js';
import { acquire, type Claimant, type OwnerLock } from './owner-election.js';
import { OwnerFiles } from './owner-files.js';
import { bootId, startTimeOf } from './process-identity.js';

export type { OwnerLock };

/**
 * @param folder exists
 * @param pmId our slot of pm2: the process that holds it may still live, and does not refuse us
 * @param what the folder is called in messages
 * @throws StartError naming pid and folder when a living process owns it
 */
export async function acquireOwnerLock(
  folder: string,
  pmId: string | null = null,
  what = 'DATA_DIR',
): Promise<OwnerLock> {
  try {
    const claimant = {
      pid: process.pid,
      startTime: startTimeOf(process.pid) ?? '?',
      bootId: bootId(),
      pmId,
    };
    const outcome = await acquire(new OwnerFiles(folder), claimant, isAlive);
    if ('release' in outcome) return outcome;
    throw new StartError(`another multilane (pid ${outcome.heldBy.pid}) owns ${what} ${folder}`);
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(`cannot lock ${what} ${folder}: ${(error as Error).message}`);
  }
}

const isAlive = (owner: Claimant): boolean =>
  owner.bootId === bootId() && startTimeOf(owner.pid) === owner.startTime;
