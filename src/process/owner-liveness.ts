// Whether the process behind an entry of the owner lock still lives.
//
// A wrong "dead" would let two processes write into one database, so there are three ways to find out, from
// the surest to the slowest:
//
// 1. The owner's socket, `owner-<n>.sock`. The kernel accepts a connection to it as long as the process
//    exists, even if the process is stopped or in another container on this machine.
// 2. /proc, where the process can be seen from here: same boot, same PID namespace, same start time.
// 3. The heartbeat, `owner-<n>.beat`, for a process on another machine, or from before a reboot of this one:
//    a number in a file that grows as long as the process lives. It is watched for some seconds.
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Allowance } from '../allowance.js';
import { socketState } from '../unix-socket.js';
import type { Claimant, Owner } from './owner-election.js';
import { ownerFile, readOwnerFile } from './owner-files.js';
import { startTimeOf } from './process-identity.js';
import { isServerAlive } from './server-liveness.js';

/** Time for seven heartbeats. */
const WATCH_MS = 15_000;
const POLL_EVERY_MS = 250;

/** The process that wants to know, and what it knows of itself. */
export interface Observer {
  readonly folder: string;
  /** What the folder is called in messages. */
  readonly what: string;
  readonly self: Claimant;
  /** True while this process does not own the folder: then a PostgreSQL that lives there is not its own. */
  readonly isNewcomer: boolean;
  readonly log: Pick<Logger, 'warn'>;
  /** How long a heartbeat is watched, in milliseconds. @default 15000 */
  readonly watchMs?: number;
}

export async function isOwnerAlive(owner: Owner, observer: Observer): Promise<boolean> {
  const { folder, self } = observer;
  const socket = await socketState(folder, ownerFile(owner.generation, 'sock'));
  if (socket === 'listening') return true;
  const isSameKernel = owner.bootId === self.bootId;
  const isSameDisk = isSameKernel && owner.device === self.device;
  // The entry was copied together with its folder: its process owns the original, not this copy.
  if (isSameDisk && owner.inode !== self.inode) return false;
  const isVisible = !isElsewhere(owner, self);
  if (isVisible) {
    const startTime = startTimeOf(owner.pid);
    // A process that /proc hides ('?') may be the owner or another one, so the start times decide nothing.
    if (startTime === undefined || startTime !== '?' || owner.startTime === '?')
      return startTime === owner.startTime;
  }
  // An owner elsewhere may have left its PostgreSQL running, which this process can neither use nor replace.
  // Only a process that is started where the owner ran can do so.
  if (observer.isNewcomer && !isVisible && (await isServerAlive(folder))) return true;
  // On another file system, such as that of a container that mounts the folder for itself, the socket refuses
  // in any case and proves nothing.
  if (socket === 'refusing' && isSameDisk) return false;
  return hasHeartbeat(owner, observer);
}

/** Whether an owner's process can be neither seen nor signalled from here: other boot or other container. */
export const isElsewhere = (
  owner: Pick<Owner, 'bootId' | 'pidNamespace'>,
  self: Pick<Owner, 'bootId' | 'pidNamespace'>,
): boolean => owner.bootId !== self.bootId || owner.pidNamespace !== self.pidNamespace;

/** Whether an owner elsewhere shows no sign of life itself while the PostgreSQL that it has started lives. */
export async function hasLeftPostgres(owner: Owner, { folder, self }: Observer): Promise<boolean> {
  if (!isElsewhere(owner, self)) return false;
  if ((await socketState(folder, ownerFile(owner.generation, 'sock'))) === 'listening') return false;
  return isServerAlive(folder);
}

/** Watches the heartbeat until it grows (true), or the time to watch is over (false). */
async function hasHeartbeat(
  owner: Owner,
  { folder, what, log, watchMs = WATCH_MS }: Observer,
): Promise<boolean> {
  const { pid, generation } = owner;
  const who =
    pid === 0
      ? `whose ${ownerFile(generation, 'json')} is missing or damaged`
      : `pid ${pid} of another container, machine or boot`;
  const name = `the owner of ${what} ${folder} (${who})`;
  log.warn(`${name} does not respond: watching its heartbeat for ${watchMs / 1000} s`);
  const beat = (): Promise<string> => readBeat(join(folder, ownerFile(generation, 'beat')));
  const before = await beat();
  const allowance = new Allowance(watchMs);
  try {
    while (allowance.leftMs > 0) {
      await delay(Math.min(POLL_EVERY_MS, allowance.leftMs));
      const hasBeaten = (await beat()) !== before;
      if (hasBeaten || (await socketState(folder, ownerFile(generation, 'sock'))) === 'listening')
        return true;
    }
  } finally {
    allowance.cancel();
  }
  log.warn(`${name} has shown no sign of life for ${watchMs / 1000} s: taking over`);
  return false;
}

/**
 * Number of the last heartbeat; '' when there is none.
 * @throws Error when the file cannot be read: the owner may live
 */
export async function readBeat(path: string, read = readOwnerFile): Promise<string> {
  try {
    return await read(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // There is no file, or something that is no regular file and cannot hold a heartbeat.
    if (code === undefined || code === 'ENOENT') return '';
    throw error;
  }
}
