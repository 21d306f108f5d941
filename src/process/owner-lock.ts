// The lock that says which process owns a folder, put together from its parts.
//
// Node.js offers no file locks, and a lock of the system could not be held by two processes during a
// take-over under pm2. So the owner is recorded in files of the folder. Taking the lock means: read the
// entries (owner-files), find out whether those processes live (owner-liveness), become the owner if none
// does (owner-election), and show from then on that this process lives (owner-presence). This file also words
// the refusal when another process owns the folder, and notices when ownership is lost.
import type { Logger } from 'pino';
import { errorMessage } from '../error-text.js';
import { StartError } from '../errors.js';
import { folderIdentityOf } from './folder-identity.js';
import { acquire, type OwnerLock as ElectedLock, type Owner } from './owner-election.js';
import { OwnerFiles, ownerFile } from './owner-files.js';
import { hasLeftPostgres, isElsewhere, isOwnerAlive, type Observer } from './owner-liveness.js';
import { OwnerPresence } from './owner-presence.js';
import { thisProcess } from './process-identity.js';

export interface OwnerLock extends Omit<ElectedLock, 'newOwner'> {
  /**
   * Calls back once when this process does not own the folder any more: another process has taken over,
   * because this one seemed dead (as after a pause of minutes), or another folder is at the path.
   * @param callback gets the reason as a clause for a message, such as "another folder has taken its place"
   */
  onOwnershipLost(callback: (reason: string) => void): void;
}

export interface OwnerLockOptions {
  /** Folder to own. It exists. */
  readonly folder: string;
  /**
   * Slot of pm2 that this process runs in (`slotName`). The previous process of the same slot may still live
   * and does not keep this one out.
   * @default null
   */
  readonly slot?: string | null;
  /** What the folder is called in messages. @default 'DATA_DIR' */
  readonly what?: string;
  readonly log: Pick<Logger, 'warn'>;
  /**
   * Awaited right before this process makes its entry. A process that is stopped before this call can end
   * at once, even while it watches another owner. A process that is stopped after it has an entry to
   * release, so it has to wait for the lock.
   * @default nothing
   */
  readonly entering?: () => Promise<void>;
  /** How long an owner that gives no sign of life is watched, in milliseconds. @default 15000 */
  readonly watchMs?: number;
  /** Interval of this owner's heartbeat, in milliseconds. @default 2000 */
  readonly beatEveryMs?: number;
}

/**
 * Becomes the owner of a folder.
 * @throws StartError naming the folder and the pid of a living process that owns it
 */
export async function acquireOwnerLock(options: OwnerLockOptions): Promise<OwnerLock> {
  const { folder, slot = null, what = 'DATA_DIR', log } = options;
  const presence = new OwnerPresence(folder, log, options.beatEveryMs);
  try {
    const self = { ...thisProcess(), ...(await folderIdentityOf(folder)), slot };
    const observer: Observer & { isNewcomer: boolean } = {
      isNewcomer: true,
      folder,
      what,
      self,
      log,
      ...(options.watchMs !== undefined && { watchMs: options.watchMs }),
    };
    const files = new OwnerFiles(folder, (generation) => presence.start(generation));
    const result = await acquire(files, self, (owner) => isOwnerAlive(owner, observer), options.entering);
    if ('heldBy' in result) throw new StartError(await refusalText(result.heldBy, observer));
    observer.isNewcomer = false;
    await files.removeDrafts();
    return watched(result, presence, folder);
  } catch (error) {
    await presence.close();
    if (error instanceof StartError) throw error;
    throw new StartError(`cannot lock ${what} ${folder}: ${errorMessage(error)}`);
  }
}

async function refusalText(owner: Owner, observer: Observer): Promise<string> {
  const { folder, what, self } = observer;
  const damage = `${ownerFile(owner.generation, 'json')} is missing or damaged`;
  const isAway = isElsewhere(owner, self);
  const where = isAway ? ' in another container or on another machine' : '';
  const who = owner.pid === 0 ? `whose ${damage}` : `pid ${owner.pid}${where}`;
  if (await hasLeftPostgres(owner, observer))
    return (
      `PostgreSQL still runs on ${what} ${folder}, started by another multilane (${who}) that does not answer: ` +
      'start Multilane again where it ran, or end its container'
    );
  if (owner.pid === 0) return `another multilane owns ${what} ${folder}: it lives, although ${damage}`;
  // The slot of pm2 is no setting: its folder follows from the number of the process there.
  const otherwise = what === 'DATA_DIR' ? `, or set ${what} to another folder` : '';
  const refusal = `another multilane (${who}) owns ${what} ${folder}; stop it${isAway ? ' there' : ''}${otherwise}`;
  // The same folder mounted twice and a copy of it on another disk look alike; only the copy may be used.
  return isAway || owner.device === self.device
    ? refusal
    : `${refusal}; if this is a copy of the folder that it uses, remove ${ownerFile(owner.generation, 'json')} from the copy`;
}

/** The lock of the election, with a check at every heartbeat that this process still owns the folder. */
function watched(lock: ElectedLock, presence: OwnerPresence, folder: string): OwnerLock {
  return {
    owner: lock.owner,
    status: () => lock.status(),
    isShared: () => lock.isShared(),
    leave: () => lock.leave(),
    async release() {
      try {
        await lock.release();
      } finally {
        await presence.close();
      }
    },
    onOwnershipLost(callback) {
      let isReported = false;
      presence.onBeat(async () => {
        if (isReported) return;
        const reason = await reasonOfLoss(lock, folder);
        if (reason === undefined) return presence.restoreFiles();
        isReported = true;
        callback(reason);
      });
    },
  };
}

/** Why this process does not own the folder any more; undefined as long as it does. */
async function reasonOfLoss(lock: ElectedLock, folder: string): Promise<string | undefined> {
  const { device, inode } = await folderIdentityOf(folder);
  if (device !== lock.owner.device || inode !== lock.owner.inode) return 'another folder has taken its place';
  const newOwner = await lock.newOwner();
  return (
    newOwner &&
    `another multilane (pid ${newOwner.pid}) owns it now, after a long pause of this one or because its files were removed`
  );
}
