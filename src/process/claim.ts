// What only one process may have, and who may share it: a newcomer in the same slot of pm2 takes over.
//
// Without a database of our own there is no DATA_DIR to lock; then the slot itself gets a folder in the
// run-time directory. Either way the entries tell whether a predecessor lives, and with it whether a port
// that is in use is ours to share or taken by another program.

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
 * How the port is listened on. `alone`: nobody beside us, ever. `first`: nobody now, a successor later.
 * `beside`: a predecessor listens, too, and serves alone until we join it.
 */
export type Sharing = 'alone' | 'first' | 'beside';

export interface Claim {
  readonly lock: OwnerLock | undefined;
  readonly sharing: Sharing;
}

/**
 * @param entering see OwnerLockOptions
 * @throws StartError naming the folder, and the process that has it
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

/** Where the owner files hang, the exit of the process needs what the release leaves. */
const RELEASE = { reserveMs: 400, atLeastMs: 50 };

/**
 * Claims, and releases with the lifecycle. An end that comes before an entry of ours is made does not wait
 * for the claim, which makes none then; one that comes later waits for the lock, to release it.
 * @param claiming given what it has to await before the entry is made
 * @param abandon called with a lock that was claimed in vain, before it is released
 * @returns what was claimed; never settles when the process ends before
 */
export async function claimUntil<T extends Claim>(
  isEnding: () => boolean,
  claiming: (entering: () => Promise<void>) => Promise<T>,
  lifecycle: Pick<Lifecycle, 'defer'>,
  abandon: (lock: OwnerLock, countdown: Countdown) => Promise<void>,
): Promise<T> {
  let entered = false;
  let isUsed = false;
  const claimed = claiming(() => {
    if (isEnding()) return untilTheEnd();
    entered = true;
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
    if (!entered) return;
    if (!(await countdown.ends(leave(countdown), RELEASE)))
      throw new Error('the owner files do not respond in time');
  });
  const claim = await claimed;
  if (isEnding()) return untilTheEnd();
  isUsed = true;
  return claim;
}

const untilTheEnd = (): Promise<never> => new Promise(() => undefined);

/**
 * DATA_DIR for a process that takes over from none.
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
    // It may lie where everybody can write: fails when it is another account's.
    if (what !== 'DATA_DIR') await chmod(folder, 0o700);
  } catch (error) {
    throw new StartError(`cannot create ${what} ${folder}: ${errorMessage(error)}`);
  }
  return acquireOwnerLock(options);
}
