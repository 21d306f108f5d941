// Makes sure that this process alone uses its DATA_DIR, and finds out whether it shares its ports.
//
// Two primaries on one DATA_DIR would destroy the database in it, so a process claims the folder before it
// uses it, with an owner lock. There is one exception: under pm2 a new process is started in the same slot
// (`pm_id`) while the old one still serves, and takes over from it. Both may then hold the lock, and both may
// listen on the same ports.
//
// A process whose databases are all on other servers has no DATA_DIR to lock. In a slot of pm2 it locks a
// folder that belongs to the slot instead. Either way the lock tells whether a predecessor lives, and with it
// whether a port that is in use may be shared or belongs to another program.
//
// To read on: owner-lock (what a lock is, and its messages), owner-election (who owns a folder),
// owner-liveness (does another owner live?), owner-presence (how this owner shows that it lives), owner-files
// (the files of it all).
import { chmod } from 'node:fs/promises';
import type { Settings } from '../config.js';
import type { Countdown } from '../countdown.js';
import { errorMessage } from '../error-text.js';
import { StartError } from '../errors.js';
import type { Lifecycle } from './lifecycle.js';
import { makeFolder } from './make-folder.js';
import { acquireOwnerLock, type OwnerLock, type OwnerLockOptions } from './owner-lock.js';
import { slotDirectory, slotName } from './pm2-slot.js';

type Log = OwnerLockOptions['log'];

/**
 * How this process listens on its ports. `alone`: it never shares them. `first`: no other process has them,
 * and a successor may join later. `beside`: a predecessor listens on them, and serves alone until this
 * process joins.
 */
export type Sharing = 'alone' | 'first' | 'beside';

export interface Claim {
  readonly lock: OwnerLock | undefined;
  readonly sharing: Sharing;
}

/**
 * Claims the DATA_DIR, or without one the slot of pm2.
 * @param needDataDir a database of this process is in DATA_DIR
 * @param entering see OwnerLockOptions
 * @throws StartError naming the folder, and the process that owns it
 */
export async function claim(
  settings: Settings,
  needDataDir: boolean,
  log: Log,
  entering: () => Promise<void>,
): Promise<Claim> {
  const { dataDir, pmId } = settings;
  if (!needDataDir && pmId === null) return { lock: undefined, sharing: 'alone' };
  const slot = pmId === null ? null : slotName(pmId);
  const lock = needDataDir
    ? await claimFolder({ folder: dataDir, slot, what: 'DATA_DIR', log, entering })
    : await claimFolder({ folder: slotDirectory(pmId!), slot, what: 'the pm2 slot', log, entering });
  if (pmId === null) return { lock, sharing: 'alone' };
  return { lock, sharing: (await lock.isShared()) ? 'beside' : 'first' };
}

/**
 * Claims DATA_DIR for a process that takes over from no other, such as `multilane migrate`.
 * @param entering see OwnerLockOptions
 * @throws StartError naming the folder, and its owner
 */
export async function claimAlone(
  { dataDir }: Pick<Settings, 'dataDir'>,
  log: Log,
  entering: () => Promise<void>,
): Promise<Claim & { readonly lock: OwnerLock }> {
  const lock = await claimFolder({ folder: dataDir, slot: null, what: 'DATA_DIR', log, entering });
  return { lock, sharing: 'alone' };
}

async function claimFolder(
  options: Required<Pick<OwnerLockOptions, 'folder' | 'slot' | 'what' | 'log' | 'entering'>>,
): Promise<OwnerLock> {
  const { folder, what } = options;
  try {
    await makeFolder(folder);
    // The folder of a slot may lie where every account can write. This fails when it is another account's.
    if (what !== 'DATA_DIR') await chmod(folder, 0o700);
  } catch (error) {
    throw new StartError(`cannot create ${what} ${folder}: ${errorMessage(error)}`);
  }
  return acquireOwnerLock(options);
}

/**
 * Time for the release when the owner files hang; it leaves the exit of the process the time that it needs.
 */
const RELEASE = { reserveMs: 400, atLeastMs: 50 };

/**
 * Claims, and registers the release with the lifecycle, also for a process that is stopped while it claims.
 * If the stop comes before this process has made its entry in the folder, it does not wait for the claim,
 * which then never makes one. If it comes later, it waits for the lock in order to release it.
 * @param claiming the claim; it awaits its argument before it makes the entry
 * @param abandon called before the release with a lock that was claimed and will not be used
 * @returns what was claimed; never settles when the process ends before that
 */
export async function claimUntil<T extends Claim>(
  isEnding: () => boolean,
  claiming: (entering: () => Promise<void>) => Promise<T>,
  lifecycle: Pick<Lifecycle, 'defer'>,
  abandon: (lock: OwnerLock, countdown: Countdown) => Promise<void>,
): Promise<T> {
  let hasEntered = false;
  let isUsed = false;
  const claimed = claiming(() => {
    if (isEnding()) return never();
    hasEntered = true;
    return Promise.resolve();
  });
  const leave = async (countdown: Countdown): Promise<void> => {
    const lock = (await claimed.catch(() => undefined))?.lock;
    try {
      if (lock !== undefined && !isUsed) await abandon(lock, countdown);
    } finally {
      await lock?.release();
    }
  };
  lifecycle.defer('owner lock', async (countdown) => {
    if (!hasEntered) return;
    if (!(await countdown.ends(leave(countdown), RELEASE)))
      throw new Error('the owner files do not respond in time');
  });
  const claim = await claimed;
  if (isEnding()) return never();
  isUsed = true;
  return claim;
}

const never = (): Promise<never> => new Promise(() => undefined);
