// When PostgreSQL may be started: not while an elder process in the slot of pm2 may be stopping it, and not
// before the processes of an earlier PostgreSQL have ended.
import { setTimeout as delay } from 'node:timers/promises';
import { Allowance } from '../allowance.js';
import { isOutOfFiles } from '../open-files.js';
import type { OwnerLock } from '../process/owner-lock.js';
import { StillRunningError } from './require-not-running.js';

/** How often a process that waits for its turn checks whether it may start PostgreSQL, or adopt it. */
const POLL_MS = 20;
const RETRY_MS = 50;

/**
 * Calls `attempt` again and again until it returns a result. While an elder process is leaving it only waits,
 * since that process may be stopping PostgreSQL. There is no limit of time: pm2, which has started this
 * process beside the elder one, has its own limit for that.
 */
export async function inTurn<T>(
  lock: Pick<OwnerLock, 'status'>,
  signal: AbortSignal,
  attempt: (isEldest: boolean) => Promise<T | undefined>,
): Promise<T> {
  for (;;) {
    const status = await lock.status();
    const result = status === 'behind-leaving-elder' ? undefined : await attempt(status === 'eldest');
    if (result !== undefined) return result;
    await delay(POLL_MS, undefined, { signal });
  }
}

/**
 * Repeats `adoptOrStart` for at most this time while it fails for a reason that passes by itself. There are
 * two such reasons. After a kill -9 of the postmaster its sessions need a moment to end, and until then a new
 * postmaster refuses to start. And a process without a free file descriptor cannot see whether they have
 * ended.
 */
export async function untilPassed<T>(
  withinMs: number,
  signal: AbortSignal,
  adoptOrStart: () => Promise<T>,
): Promise<T> {
  const allowance = new Allowance(withinMs);
  try {
    for (;;) {
      try {
        return await adoptOrStart();
      } catch (error) {
        if (!isPassing(error) || allowance.leftMs === 0) throw error;
        await delay(RETRY_MS, undefined, { signal });
      }
    }
  } finally {
    allowance.cancel();
  }
}

/**
 * Whether the error is about processes of an earlier PostgreSQL that still run, or a lack of file
 * descriptors.
 */
function isPassing(error: unknown): boolean {
  if (error instanceof StillRunningError || isOutOfFiles(error)) return true;
  if (!(error instanceof Error)) return false;
  return isOutOfFiles(error.cause) || /still in use|lock file .* already exists/.test(error.message);
}
