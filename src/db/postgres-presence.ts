// A socket in DATA_DIR/pg that PostgreSQL and all of its children have from their birth on, as their standard input. So it
// answers as long as one of them lives, be it a single session whose postmaster was killed, to everybody who shares the
// kernel: at any depth of folders, and also where no pid tells anything, as from another container.
import { join } from 'node:path';
import { socketState } from '../unix-socket.js';
import { listenAs } from './listening-socket.js';
import { processesIn } from './process-identity.js';

const FOLDER = 'pg';
const NAME = 'alive.sock';

/** Whether a process of the PostgreSQL of this DATA_DIR is known to live. */
export const postgresLives = async (dataDir: string): Promise<boolean> =>
  (await socketState(join(dataDir, FOLDER), NAME)) === 'answers';

/** All that live work in the folder of their cluster; those that are not seen from here are missing. */
export const postgresProcesses = (dataFolder: string): readonly number[] =>
  processesIn(dataFolder, 'postgres');

export interface Presence {
  /** The descriptor that PostgreSQL gets as its standard input. */
  readonly input: number;
  /** Here. What PostgreSQL has of it stays open. */
  close(): void;
}

/**
 * For one that is about to be started.
 * @param folder DATA_DIR/pg, on which no PostgreSQL runs
 */
export async function holdPresence(folder: string): Promise<Presence> {
  const server = await listenAs(folder, NAME, 'new-');
  // Node.js (20 to 25) shows the descriptor of a server only here.
  const { fd } = (server as unknown as { readonly _handle: { readonly fd: number } })._handle;
  return { input: fd, close: () => void server.close() };
}
