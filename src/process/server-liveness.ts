// Whether the embedded PostgreSQL of a DATA_DIR lives, whichever process has started it, also from another
// container of this machine.
//
// An owner that is killed leaves its PostgreSQL running, and another container cannot see the pids of that.
// So all processes of one PostgreSQL inherit a listening socket, `DATA_DIR/pg/alive.sock`, when they are
// started (postgres-presence makes it). The kernel accepts connections to it as long as one of them lives.
import { join } from 'node:path';
import { socketState } from '../unix-socket.js';

/** Folder of PostgreSQL in DATA_DIR. */
const FOLDER = 'pg';
/** Name of the socket in the folder of PostgreSQL. */
export const LIVENESS_SOCKET = 'alive.sock';

/**
 * Whether a process of the PostgreSQL in this DATA_DIR lives.
 * @throws Error when that cannot be known, see `socketState`
 */
export const isServerAlive = (dataDir: string): Promise<boolean> => isServerAliveIn(join(dataDir, FOLDER));

/** The same as `isServerAlive`, by the path of DATA_DIR/pg. */
export const isServerAliveIn = async (folder: string): Promise<boolean> =>
  (await socketState(folder, LIVENESS_SOCKET)) === 'listening';
