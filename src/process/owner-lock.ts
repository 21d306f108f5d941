// Who owns a folder, as files in it. One process owns a DATA_DIR; two when the second one is about to take
// over.

import type { Logger } from 'pino';
import { errorMessage } from '../error-text.js';
import { StartError } from '../errors.js';
import { folderIdentityOf } from './folder-identity.js';
import { acquire, type OwnerLock as Entered, type Owner } from './owner-election.js';
import { OwnerFiles, ownerFile } from './owner-files.js';
import { hasLeftPostgres, isAlive, isElsewhere, type Watcher } from './owner-liveness.js';
import { OwnerPresence } from './owner-presence.js';
import { thisProcess } from './process-identity.js';

export interface OwnerLock extends Omit<Entered, 'newOwner'> {
  /**
   * Called once when the folder is not ours any more: another process has taken us for dead, as after a pause
   * of minutes, or another folder has taken its place.
   * @param callback given the reason as half a sentence
   */
  onOwnershipLost(callback: (why: string) => void): void;
}

export interface OwnerLockOptions {
  /** Exists. */
  readonly folder: string;
  /** Our slot of pm2 (`slotName`): its process may still live, and does not refuse us. @default null */
  readonly slot?: string | null;
  /** What the folder is called in messages. @default 'DATA_DIR' */
  readonly what?: string;
  readonly log: Pick<Logger, 'warn'>;
  /**
   * Awaited before an entry of ours is made: from then on a signal has to wait until there is a lock to
   * release. Until then it need not, also while another owner is watched. @default nothing
   */
  readonly entering?: () => Promise<void>;
  /** How long an owner that does not answer is watched. @default 15000 */
  readonly watchMs?: number;
  /** @default 2000 */
  readonly beatEveryMs?: number;
}

/** @throws StartError naming pid and folder when a living process owns it */
export async function acquireOwnerLock(options: OwnerLockOptions): Promise<OwnerLock> {
  const { folder, slot = null, what = 'DATA_DIR', log } = options;
  const presence = new OwnerPresence(folder, log, options.beatEveryMs);
  try {
    const self = { ...thisProcess(), ...(await folderIdentityOf(folder)), slot };
    const watcher: Watcher & { isNewcomer: boolean } = {
      isNewcomer: true,
      folder,
      what,
      self,
      log,
      ...(options.watchMs !== undefined && { watchMs: options.watchMs }),
    };
    const files = new OwnerFiles(folder, (generation) => presence.appear(generation));
    const outcome = await acquire(files, self, (owner) => isAlive(owner, watcher), options.entering);
    if ('heldBy' in outcome) throw new StartError(await refused(outcome.heldBy, watcher));
    watcher.isNewcomer = false;
    await files.removeDrafts();
    return held(outcome, presence, folder);
  } catch (error) {
    await presence.close();
    if (error instanceof StartError) throw error;
    throw new StartError(`cannot lock ${what} ${folder}: ${errorMessage(error)}`);
  }
}

async function refused(owner: Owner, watcher: Watcher): Promise<string> {
  const { folder, what, self } = watcher;
  const damage = `${ownerFile(owner.generation, 'json')} is missing or damaged`;
  const isAway = isElsewhere(owner, self);
  const where = isAway ? ' in another container or on another machine' : '';
  const who = owner.pid === 0 ? `whose ${damage}` : `pid ${owner.pid}${where}`;
  if (await hasLeftPostgres(owner, watcher))
    return (
      `PostgreSQL still runs on ${what} ${folder}, started by another multilane (${who}) that does not answer: ` +
      'start Multilane again where it ran, or end its container'
    );
  if (owner.pid === 0) return `another multilane owns ${what} ${folder}: it lives, although ${damage}`;
  const refusal = `another multilane (${who}) owns ${what} ${folder}`;
  // The same folder mounted twice and its copy on another disk look alike, and only one of them must not be
  // used.
  return isAway || owner.device === self.device
    ? refusal
    : `${refusal}; if this is a copy of the folder that it uses, remove ${ownerFile(owner.generation, 'json')} from the copy`;
}

function held(lock: Entered, presence: OwnerPresence, folder: string): OwnerLock {
  const whyNotOurs = async (): Promise<string | undefined> => {
    const { device, inode } = await folderIdentityOf(folder);
    if (device !== lock.owner.device || inode !== lock.owner.inode)
      return 'another folder has taken its place';
    const by = await lock.newOwner();
    return (
      by &&
      `another multilane (pid ${by.pid}) owns it now, after a long pause of this one or because its files were removed`
    );
  };
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
      let isTold = false;
      presence.onBeat(async () => {
        if (isTold) return;
        const why = await whyNotOurs();
        if (why === undefined) return presence.heal();
        isTold = true;
        callback(why);
      });
    },
  };
}
