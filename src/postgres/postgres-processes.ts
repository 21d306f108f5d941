// The processes of PostgreSQL that work in a certain data folder, as far as /proc shows them.
import { type FolderIdentity, hasIdentity } from '../process/folder-identity.js';
import { isTitled, parentOf, pathOfWorkingFolder, processesOf } from '../process/proc.js';

const PROGRAM = 'postgres';

/** All processes of PostgreSQL in this data folder: each works in the folder of its cluster. */
export const postgresProcessesIn = (dataFolder: FolderIdentity): Promise<readonly number[]> =>
  workingIn(dataFolder, processesOf(PROGRAM));

/**
 * Processes in this data folder whose postmaster was killed, such as a session that has not noticed it yet.
 * The disk, which may hang, is only read if there are such processes of any cluster.
 */
export function orphansIn(dataFolder: FolderIdentity): Promise<readonly number[]> {
  const all = processesOf(PROGRAM);
  const orphans = all.filter((pid) => isTitled(pid, 'postgres: ') && !all.includes(parentOf(pid) ?? 0));
  return workingIn(dataFolder, orphans);
}

async function workingIn(folder: FolderIdentity, pids: readonly number[]): Promise<readonly number[]> {
  const isIn = await Promise.all(pids.map((pid) => hasIdentity(pathOfWorkingFolder(pid), folder)));
  return pids.filter((_, at) => isIn[at]);
}
