// One process owns a DATA_DIR. The lock says who: pid, start time and boot, because a pid alone is reused.
import { StartError } from '../errors.js';
import { acquire, type OwnerLock } from './owner-election.js';
import { OwnerFiles } from './owner-files.js';

export type { OwnerLock };

/**
 * @param dataDir exists
 * @throws StartError naming pid and folder when a living process owns it
 */
export async function acquireOwnerLock(dataDir: string, pmId: string | null = null): Promise<OwnerLock> {
  try {
    const outcome = await acquire(new OwnerFiles(dataDir), pmId);
    if ('release' in outcome) return outcome;
    throw new StartError(`another multilane (pid ${outcome.heldBy.pid}) owns DATA_DIR ${dataDir}`);
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(`cannot lock DATA_DIR ${dataDir}: ${(error as Error).message}`);
  }
}
