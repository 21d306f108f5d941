// The file `postmaster.pid` in the data folder, in which PostgreSQL records its postmaster: the first line is
// the pid, the fifth the socket folder.
import { chown, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StartError } from '../errors.js';
import { ifExists } from '../process/if-exists.js';
import { isPostmasterOf } from './postmaster-identity.js';

/** A pid that no process can have. */
const NO_PID = 0x7fffffff;

export const pidFileOf = (dataFolder: string): string => join(dataFolder, 'postmaster.pid');

export interface PidFile {
  /** Undefined when there is no file, or its first line is no number. */
  readonly pid: number | undefined;
  readonly lines: readonly string[];
}

/** @throws StartError when the file is there and cannot be read: a postmaster may run */
export async function readPidFile(dataFolder: string): Promise<PidFile> {
  const file = pidFileOf(dataFolder);
  const text = await ifExists(readFile(file, 'utf8')).catch((cause: Error) => {
    throw new StartError(`cannot tell whether PostgreSQL runs on ${dataFolder}: ${cause.message}`, { cause });
  });
  const lines = (text ?? '').split('\n');
  const pid = Math.abs(Number(lines[0]));
  return { pid: Number.isSafeInteger(pid) && pid > 0 ? pid : undefined, lines };
}

/**
 * Makes the pid file of a cluster on which no postmaster runs acceptable to PostgreSQL. If the pid in it
 * belongs to an unrelated process by now, PostgreSQL would refuse to start, so it is replaced by one that no
 * process has. The other lines stay, since PostgreSQL finds orphaned sessions by them.
 */
export async function disownPidFile(dataFolder: string): Promise<void> {
  const { pid, lines } = await readPidFile(dataFolder);
  const file = pidFileOf(dataFolder);
  // PostgreSQL refuses a file without a pid, such as an empty one after a power cut.
  if (pid === undefined) return rm(file, { force: true });
  if ((await isPostmasterOf(pid, dataFolder)) !== 'no') return;
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, [String(NO_PID), ...lines.slice(1)].join('\n'), { flush: true });
  const { uid, gid } = await stat(file);
  await chown(draft, uid, gid);
  await rename(draft, file);
}
