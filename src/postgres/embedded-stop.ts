// Stops the embedded PostgreSQL when Multilane ends, if no successor uses it.
//
// PostgreSQL has to be stopped whatever the disk does, and whatever else the process does. Every operation on
// a file waits for one of the few pool threads of Node.js, and all of them may be busy with work of services,
// such as hashing passwords, or hang in a file system. So the stop waits for no file without a limit, and
// where something is not known in time, it assumes what does no harm to the data.
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Countdown } from '../countdown.js';
import { type FolderIdentity, folderIdentityOf, hasIdentity } from '../process/folder-identity.js';
import { ifExists } from '../process/if-exists.js';
import type { OwnerLock } from '../process/owner-lock.js';
import { workingFolderOf } from '../process/proc.js';
import { runningPostmaster } from './adopt-postmaster.js';
import { type Cluster, DATA_FOLDER } from './embedded-cluster.js';
import {
  killOrphans,
  killPostmaster,
  LEAST_STOP_MS,
  resultInTime,
  type Stoppable,
  stopPostmaster,
} from './postmaster-stop.js';

type Log = Pick<Logger, 'info' | 'warn' | 'error'>;
type LeavingLock = Pick<OwnerLock, 'leave'>;

/** Limit of a wait for the disk; it leaves the time that a stop needs. */
const DISK_LIMIT = { atMostMs: 2_000, reserveMs: LEAST_STOP_MS };

export interface EmbeddedInUse {
  readonly postmaster: Stoppable;
  readonly cluster: Cluster;
  /** Identity of the data folder when PostgreSQL was started. */
  readonly folder: FolderIdentity;
  readonly lock: LeavingLock;
  readonly log: Log;
}

/**
 * Stops PostgreSQL within the time that is left: in order, or else by harder signals. If a successor uses
 * PostgreSQL, it is left running.
 */
export async function stopEmbedded(
  { postmaster, cluster, folder, lock, log }: EmbeddedInUse,
  countdown: Countdown,
): Promise<void> {
  const { pid } = postmaster;
  if (!(await isLast(lock, log, countdown))) {
    log.info(`the embedded PostgreSQL (pid ${pid}) is left to the successor`);
  } else if (await isInPlace(workingFolderOf(pid), cluster.dataFolder, folder, countdown)) {
    await stopPostmaster(postmaster, log, countdown);
    await killOrphans(folder, log, countdown);
  } else {
    // An orderly shutdown writes by the path of the data folder, where another folder may be by now.
    log.warn(`killing the embedded PostgreSQL (pid ${pid}), because its folder was moved or cannot be read`);
    await killPostmaster(postmaster);
    await killOrphans(folder, log, countdown);
  }
}

/**
 * Stops PostgreSQL, unless an elder process still uses it, for a process that ends before it has started or
 * adopted one: the elder process may have left it to this one.
 * @throws Error when the owner files cannot be read
 */
export async function stopUnused(
  { dataDir, lock, log }: { readonly dataDir: string; readonly lock: LeavingLock; readonly log: Log },
  countdown: Countdown,
): Promise<void> {
  if (!(await lock.leave())) return;
  const dataFolder = await ifExists(realpath(join(dataDir, DATA_FOLDER)));
  if (dataFolder === undefined) return;
  const folder = await folderIdentityOf(dataFolder);
  const postmaster = await runningPostmaster({ dataFolder });
  if (postmaster !== undefined) await stopPostmaster(postmaster, log, countdown);
  await killOrphans(folder, log, countdown);
}

/**
 * Whether this process has to stop PostgreSQL. It has to when it is not known whether there is a successor: a
 * successor starts PostgreSQL again, and without one no other process would stop it.
 */
async function isLast(lock: LeavingLock, log: Log, countdown: Countdown): Promise<boolean> {
  try {
    const isLast = await resultInTime(lock.leave(), countdown, DISK_LIMIT);
    if (isLast !== undefined) return isLast;
    log.error('the owner files cannot be read in time; stopping the embedded PostgreSQL');
  } catch (error) {
    log.error({ err: error }, 'the owner files cannot be read; stopping the embedded PostgreSQL');
  }
  return true;
}

/**
 * Whether a postmaster's data folder is still at its path. False also when that is not known: a PostgreSQL
 * that is killed recovers, but one that writes into the folder of another one destroys it.
 * @param worksIn working folder of the postmaster, which the kernel knows without the disk; undefined when it
 *   cannot be read
 */
export async function isInPlace(
  worksIn: string | undefined,
  dataFolder: string,
  identity: FolderIdentity,
  countdown: Countdown,
): Promise<boolean> {
  if (worksIn !== undefined) return worksIn === dataFolder;
  return (await resultInTime(hasIdentity(dataFolder, identity), countdown, DISK_LIMIT)) ?? false;
}
