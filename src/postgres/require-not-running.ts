// Makes sure that no PostgreSQL runs on a cluster before one is started: two on one cluster would destroy it.
// The pid file alone does not tell. It says nothing about a PostgreSQL in another container, nor about a
// session that lives on after its postmaster was killed.
import { errorMessage } from '../error-text.js';
import { StartError } from '../errors.js';
import { folderIdentityOf } from '../process/folder-identity.js';
import { isOurProc } from '../process/proc.js';
import { isServerAliveIn } from '../process/server-liveness.js';
import { socketState } from '../unix-socket.js';
import type { Cluster } from './embedded-cluster.js';
import { postgresProcessesIn } from './postgres-processes.js';
import { SOCKET_FILE } from './postmaster.js';

/** A PostgreSQL that cannot be adopted runs on this cluster. It may be about to end. */
export class StillRunningError extends StartError {}

/**
 * @throws StillRunningError when a PostgreSQL runs on this cluster
 * @throws StartError when that cannot be known
 */
export async function requireNotRunning({ folder, dataFolder }: Cluster, socketDir: string): Promise<void> {
  if (!(await isRunning(folder, socketDir))) return;
  const pids = await postgresProcessesIn(await folderIdentityOf(dataFolder));
  const foreign =
    process.platform === 'linux' && !isOurProc() ? ', or mount the /proc of this PID namespace' : '';
  throw new StillRunningError(
    pids.length > 0
      ? `processes of an earlier PostgreSQL (pid ${pids.join(', ')}) still run on ${dataFolder}: end them`
      : `a PostgreSQL that cannot be seen from here runs on ${dataFolder}: end the container or namespace that it runs in${foreign}`,
  );
}

/** Whether a process listens at the liveness socket or at the socket of the database. */
async function isRunning(folder: string, socketDir: string): Promise<boolean> {
  try {
    if (await isServerAliveIn(folder)) return true;
    return (await socketState(socketDir, SOCKET_FILE)) === 'listening';
  } catch (cause) {
    throw new StartError(`PostgreSQL is not started: ${errorMessage(cause)}`, { cause });
  }
}
