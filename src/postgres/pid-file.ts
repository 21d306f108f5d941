// The file in which PostgreSQL says who its postmaster is, `postmaster.pid`: its number is the first line,
// the folder of its socket the fifth.
import { chown, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StartError } from '../errors.js';
import { ifExists } from '../process/if-exists.js';
import { isPostmasterOf } from './postmaster-identity.js';

export const pidFileOf = (dataFolder: string): string => join(dataFolder, 'postmaster.pid');

export interface PidFile {
  /** Undefined when there is no file, or its first line is no number. */
  readonly pid: number | undefined;
  readonly lines: readonly string[];
}

/** @throws StartError when it is there and cannot be read: a postmaster may run */
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
 * When no postmaster runs on this cluster, the pid in its file belongs to no process or to a stranger.
 * PostgreSQL would refuse to start for a stranger, so the line gets a number that no process has; the rest
 * stays, with it PostgreSQL finds orphaned backends.
 */
export async function disownPidFile(dataFolder: string): Promise<void> {
  const { pid, lines } = await readPidFile(dataFolder);
  const file = pidFileOf(dataFolder);
  // Empty behind a power cut, say: PostgreSQL refuses it.
  if (pid === undefined) return rm(file, { force: true });
  if ((await isPostmasterOf(pid, dataFolder)) !== 'no') return;
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, [String(0x7fffffff), ...lines.slice(1)].join('\n'), { flush: true });
  const { uid, gid } = await stat(file);
  await chown(draft, uid, gid);
  await rename(draft, file);
}
