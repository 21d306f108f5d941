// Does the process that made an entry of the owner lock still live? It is asked at its socket, where that
// cannot be had /proc is. One on another machine, or before a restart of this one, can only be watched: as
// long as it lives its heartbeat grows.
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Allowance } from '../allowance.js';
import { socketState } from '../unix-socket.js';
import type { Claimant, Owner } from './owner-election.js';
import { ownerFile, readOwnerFile } from './owner-files.js';
import { startTimeOf } from './process-identity.js';
import { isServerAlive } from './server-liveness.js';

/** Seven beats. */
const WATCH_MS = 15_000;
const LOOK_EVERY_MS = 250;

export interface Watcher {
  readonly folder: string;
  /** What the folder is called in messages. */
  readonly what: string;
  readonly self: Claimant;
  /** It owns nothing yet: a PostgreSQL that lives is not its own. */
  readonly isNewcomer: boolean;
  readonly log: Pick<Logger, 'warn'>;
  /** @default 15000 */
  readonly watchMs?: number;
}

export async function isAlive(owner: Owner, watcher: Watcher): Promise<boolean> {
  const { folder, self } = watcher;
  const socket = await socketState(folder, ownerFile(owner.generation, 'sock'));
  if (socket === 'answers') return true;
  const isSameKernel = owner.bootId === self.bootId;
  const isSameDisk = isSameKernel && owner.device === self.device;
  // The entry of a folder that this one is a copy of.
  if (isSameDisk && owner.inode !== self.inode) return false;
  const isSeen = !isElsewhere(owner, self);
  if (isSeen) {
    const startTime = startTimeOf(owner.pid);
    // Of a process that is hidden from us nothing more is known than that it is there.
    if (startTime === undefined || startTime !== '?' || owner.startTime === '?')
      return startTime === owner.startTime;
  }
  // The PostgreSQL that it has left elsewhere we could neither use nor replace. The next process there can.
  if (watcher.isNewcomer && !isSeen && (await isServerAlive(folder))) return true;
  // On another file system, as that of a container that mounts the folder for itself, it would refuse in any
  // case.
  if (socket === 'refuses' && isSameDisk) return false;
  return watch(owner, watcher);
}

/** Its process cannot be seen or signalled from here. */
export const isElsewhere = (
  owner: Pick<Owner, 'bootId' | 'pidNamespace'>,
  self: Pick<Owner, 'bootId' | 'pidNamespace'>,
): boolean => owner.bootId !== self.bootId || owner.pidNamespace !== self.pidNamespace;

/** Whether of an owner elsewhere only its PostgreSQL is known to live. */
export async function hasLeftPostgres(owner: Owner, { folder, self }: Watcher): Promise<boolean> {
  if (!isElsewhere(owner, self)) return false;
  if ((await socketState(folder, ownerFile(owner.generation, 'sock'))) === 'answers') return false;
  return isServerAlive(folder);
}

/** Until it shows that it lives; false when it has not after all this time. */
async function watch(owner: Owner, { folder, what, log, watchMs = WATCH_MS }: Watcher): Promise<boolean> {
  const { pid, generation } = owner;
  const who =
    pid === 0
      ? `whose ${ownerFile(generation, 'json')} is missing or damaged`
      : `pid ${pid} of another container, machine or boot`;
  const name = `the owner of ${what} ${folder} (${who})`;
  log.warn(`${name} does not answer: watching its heartbeat for ${watchMs / 1000} s`);
  const beat = (): Promise<string> => readBeat(join(folder, ownerFile(generation, 'beat')));
  const before = await beat();
  const allowance = new Allowance(watchMs);
  try {
    while (allowance.leftMs > 0) {
      await delay(Math.min(LOOK_EVERY_MS, allowance.leftMs));
      const hasBeaten = (await beat()) !== before;
      if (hasBeaten || (await socketState(folder, ownerFile(generation, 'sock'))) === 'answers') return true;
    }
  } finally {
    allowance.cancel();
  }
  log.warn(`${name} has shown no sign of life: taking over`);
  return false;
}

/** '' when there is none. @throws what the system says of one that cannot be read: the owner may live */
export async function readBeat(path: string, read = readOwnerFile): Promise<string> {
  try {
    return await read(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || code === 'ENOENT') return ''; // no file, or none that a heartbeat could be in
    throw error;
  }
}
