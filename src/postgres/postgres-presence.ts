// The liveness socket of PostgreSQL, `DATA_DIR/pg/alive.sock`: it shows every process on this machine that a
// process of this PostgreSQL lives.
//
// The postmaster gets the listening socket as its standard input, and every child inherits it. The kernel
// accepts connections to it as long as one of them lives, be it a single session whose postmaster was killed.
// That works at any depth of folders, and from another container, where pids mean nothing.
// process/server-liveness asks it.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ifExists } from '../process/if-exists.js';
import { listenUnderName } from '../process/liveness-socket.js';
import { LIVENESS_SOCKET } from '../process/server-liveness.js';
import { DRAFT } from './embedded-cluster.js';

/** Codes of failures that pass, mostly shortages. While one lasts, PostgreSQL could not be started either. */
const SHORTAGES: ReadonlySet<unknown> = new Set([
  ...['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS'],
  ...['ENOSPC', 'EDQUOT', 'EIO'],
]);
const CHECK_EVERY_MS = 2_000;

interface Log {
  warn(message: string): void;
}

export interface Presence {
  /** Descriptor of the socket, which PostgreSQL gets as its standard input. */
  readonly input: number;
  /** Closes the socket in this process; PostgreSQL keeps its copy open. */
  close(): void;
}

/**
 * Makes the socket for a PostgreSQL that is about to be started.
 * @param folder DATA_DIR/pg, on which no PostgreSQL runs
 * @returns undefined, with a warning, on a file system without sockets
 * @throws Error for a shortage, as of file descriptors or of space
 */
export async function openPresence(folder: string, log: Log): Promise<Presence | undefined> {
  try {
    const server = await listenUnderName(folder, LIVENESS_SOCKET, DRAFT);
    // Node.js (20 to 25) has the descriptor of a server in this private property only.
    const { fd } = (server as unknown as { readonly _handle: { readonly fd: number } })._handle;
    return { input: fd, close: () => void server.close() };
  } catch (error) {
    if (SHORTAGES.has((error as NodeJS.ErrnoException).code)) throw error;
    log.warn(
      `PostgreSQL has no liveness socket (${String(error)}): only one container at a time may use ${folder}`,
    );
    return undefined;
  }
}

/**
 * Warns once if the socket's file is removed. The socket cannot get another file as long as PostgreSQL lives.
 * @param folder DATA_DIR/pg
 * @returns a function that ends the watch
 */
export function watchPresence(folder: string, log: Log, everyMs = CHECK_EVERY_MS): () => void {
  const path = join(folder, LIVENESS_SOCKET);
  const abort = new AbortController();
  const timer = setInterval(() => void check().catch(() => undefined), everyMs).unref();
  const end = (): void => {
    clearInterval(timer);
    abort.abort();
  };
  const check = async (): Promise<void> => {
    // The file is looked at, not connected to: PostgreSQL never accepts connections there.
    if ((await ifExists(stat(path))) !== undefined || abort.signal.aborted) return;
    end();
    log.warn(
      `${path} was removed: until PostgreSQL is started again, a process in another container that takes the ` +
        'folder over would not see that it lives',
    );
  };
  return end;
}
