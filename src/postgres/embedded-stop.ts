// Whose it is to stop the embedded PostgreSQL, and how. It has to be stopped whatever the disk does, and
// whatever else the process does: every operation on a file waits for one of the few pool threads of Node.js,
// which all may be busy with the work of services, as hashing passwords, or hang in a file system. So a stop
// waits for no file without a bound, and a question that is not answered in time has an answer that is safe.
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Countdown } from '../countdown.js';
import { type FolderIdentity, folderIdentityOf, hasIdentity } from '../process/folder-identity.js';
import { ifExists } from '../process/if-exists.js';
import type { OwnerLock } from '../process/owner-lock.js';
import { workingFolderOf } from '../process/proc.js';
import { type Cluster, DATA_FOLDER } from './embedded-cluster.js';
import { runningPostmaster } from './postmaster.js';
import {
  killOrphans,
  killPostmaster,
  LEAST_STOP_MS,
  type Stoppable,
  stopPostmaster,
} from './postmaster-stop.js';

type Log = Pick<Logger, 'info' | 'warn' | 'error'>;
type Leaving = Pick<OwnerLock, 'leave'>;

/** What a question to the disk may take, and what it leaves to what follows. */
const QUESTION = { atMostMs: 2_000, reserveMs: LEAST_STOP_MS };

export interface EmbeddedInUse {
  readonly postmaster: Stoppable;
  readonly cluster: Cluster;
  /** Where its data folder was when it was started. */
  readonly place: FolderIdentity;
  readonly lock: Leaving;
  readonly log: Log;
}

/** Stops it in order, then harder, within the time that is left; a successor that uses it keeps it. */
export async function stopEmbedded(
  { postmaster, cluster, place, lock, log }: EmbeddedInUse,
  countdown: Countdown,
): Promise<void> {
  const { pid } = postmaster;
  if (!(await isLast(lock, log, countdown))) {
    log.info(`the embedded PostgreSQL (pid ${pid}) is left to the successor`);
  } else if (await isInPlace(workingFolderOf(pid), cluster.dataFolder, place, countdown)) {
    await stopPostmaster(postmaster, log, countdown);
    await killOrphans(place, log);
  } else {
    // What it writes in the end it writes by the path of its folder, where another one may be by now.
    log.warn(`the folder of the embedded PostgreSQL (pid ${pid}) was moved, or cannot be read: it is killed`);
    await killPostmaster(postmaster);
    await killOrphans(place, log);
  }
}

/**
 * For a process that leaves before it has a PostgreSQL: an elder may have left it the one that runs, or use
 * it still.
 * @throws Error when the owner files cannot be read
 */
export async function stopUnused(
  { dataDir, lock, log }: { readonly dataDir: string; readonly lock: Leaving; readonly log: Log },
  countdown: Countdown,
): Promise<void> {
  if (!(await lock.leave())) return;
  const dataFolder = await ifExists(realpath(join(dataDir, DATA_FOLDER)));
  if (dataFolder === undefined) return;
  const place = await folderIdentityOf(dataFolder);
  const postmaster = await runningPostmaster({ dataFolder });
  if (postmaster !== undefined) await stopPostmaster(postmaster, log, countdown);
  await killOrphans(place, log);
}

/**
 * A PostgreSQL that cannot be left to a successor for sure is stopped: a successor starts it again, and no
 * other process would stop it.
 */
async function isLast(lock: Leaving, log: Log, countdown: Countdown): Promise<boolean> {
  try {
    const answer = await answerOf(lock.leave(), countdown);
    if (answer !== undefined) return answer;
    log.error('the owner files cannot be read in time: the embedded PostgreSQL is stopped');
  } catch (error) {
    log.error({ err: error }, 'the owner files cannot be read: the embedded PostgreSQL is stopped');
  }
  return true;
}

/**
 * Whether a postmaster works where its data folder was. False also when it is not known: a PostgreSQL that
 * was killed recovers, and one that writes into the folder of another one destroys it.
 * @param worksIn its working folder, which the kernel knows without the disk; undefined when it does not tell
 */
export async function isInPlace(
  worksIn: string | undefined,
  folder: string,
  place: FolderIdentity,
  countdown: Countdown,
): Promise<boolean> {
  if (worksIn !== undefined) return worksIn === folder;
  return (await answerOf(hasIdentity(folder, place), countdown)) ?? false;
}

/** Undefined when there is none in time. Rejects when the question does. */
async function answerOf<T>(question: Promise<T>, countdown: Countdown): Promise<T | undefined> {
  let answer: T | undefined;
  const asked = question.then((given) => {
    answer = given;
  });
  await countdown.ends(asked, QUESTION);
  return answer;
}
