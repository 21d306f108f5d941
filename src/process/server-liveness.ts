// The server process that an owner of a folder may leave running in it: PostgreSQL in DATA_DIR/pg. All of its
// processes share one listening socket there from their start on, so it answers as long as one of them lives,
// also where no pid tells anything, as from another container.
import { join } from 'node:path';
import { socketState } from '../unix-socket.js';

const FOLDER = 'pg';
/** Name of the socket in the folder of the server. */
export const LIVENESS_SOCKET = 'alive.sock';

/**
 * Whether a process of the server in this DATA_DIR is known to live.
 * @throws Error when that cannot be known, see `socketState`
 */
export const isServerAlive = (dataDir: string): Promise<boolean> => isServerAliveIn(join(dataDir, FOLDER));

/** The same for DATA_DIR/pg, wherever that is. */
export const isServerAliveIn = async (folder: string): Promise<boolean> =>
  (await socketState(folder, LIVENESS_SOCKET)) === 'answers';
