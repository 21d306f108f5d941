// A socket in DATA_DIR/pg that PostgreSQL and all of its children have from their birth on, as their standard
// input. So it answers as long as one of them lives, be it a single session whose postmaster was killed, to
// every process that shares the kernel: at any depth of folders, and also where no pid tells anything, as
// from another container.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type FolderIdentity, hasIdentity } from '../process/folder-identity.js';
import { ifExists } from '../process/if-exists.js';
import { listenUnderName } from '../process/liveness-socket.js';
import { isTitled, parentOf, pathOfWorkingFolder, processesOf } from '../process/proc.js';
import { LIVENESS_SOCKET } from '../process/server-liveness.js';
import { DRAFT } from './embedded-cluster.js';

/** A shortage passes, and while it lasts PostgreSQL itself could not be started. */
const SHORTAGES: ReadonlySet<unknown> = new Set([
  ...['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS'],
  ...['ENOSPC', 'EDQUOT', 'EIO'],
]);
const LOOK_EVERY_MS = 2_000;

interface Log {
  warn(message: string): void;
}

const PROGRAM = 'postgres';

/** All that live work in the folder of their cluster; those that are not seen from here are missing. */
export const postgresAt = (dataFolder: FolderIdentity): Promise<readonly number[]> =>
  workingAt(dataFolder, processesOf(PROGRAM));

/**
 * Those whose postmaster was killed: such as a session that has not noticed since. The disk is asked only
 * when there are such processes of any cluster: it may hang.
 */
export function orphansAt(dataFolder: FolderIdentity): Promise<readonly number[]> {
  const all = processesOf(PROGRAM);
  const orphans = all.filter((pid) => isTitled(pid, 'postgres: ') && !all.includes(parentOf(pid) ?? 0));
  return workingAt(dataFolder, orphans);
}

async function workingAt(folder: FolderIdentity, pids: readonly number[]): Promise<readonly number[]> {
  const work = await Promise.all(pids.map((pid) => hasIdentity(pathOfWorkingFolder(pid), folder)));
  return pids.filter((_, at) => work[at]);
}

export interface Presence {
  /** The descriptor that PostgreSQL gets as its standard input. */
  readonly input: number;
  /** Here. What PostgreSQL has of it stays open. */
  close(): void;
}

/**
 * For one that is about to be started.
 * @param folder DATA_DIR/pg, on which no PostgreSQL runs
 * @returns undefined on a file system without sockets, with a warning
 * @throws Error for a shortage, as of file descriptors or of space
 */
export async function holdPresence(folder: string, log: Log): Promise<Presence | undefined> {
  try {
    const server = await listenUnderName(folder, LIVENESS_SOCKET, DRAFT);
    // Node.js (20 to 25) shows the descriptor of a server only here.
    const { fd } = (server as unknown as { readonly _handle: { readonly fd: number } })._handle;
    return { input: fd, close: () => void server.close() };
  } catch (error) {
    if (SHORTAGES.has((error as NodeJS.ErrnoException).code)) throw error;
    log.warn(
      `PostgreSQL has no socket that says it lives (${String(error)}): one container at a time may use it`,
    );
    return undefined;
  }
}

/**
 * Warns, once, when the socket has lost its name: it cannot get another one as long as PostgreSQL lives.
 * @param folder DATA_DIR/pg
 * @returns ends it
 */
export function watchPresence(folder: string, log: Log, everyMs = LOOK_EVERY_MS): () => void {
  const path = join(folder, LIVENESS_SOCKET);
  const abort = new AbortController();
  const timer = setInterval(() => void look().catch(() => undefined), everyMs).unref();
  const end = (): void => {
    clearInterval(timer);
    abort.abort();
  };
  const look = async (): Promise<void> => {
    // Not by connecting: PostgreSQL accepts nothing there.
    if ((await ifExists(stat(path))) !== undefined || abort.signal.aborted) return;
    end();
    log.warn(
      `${path} was removed: until PostgreSQL is started again, a process in another container that takes the ` +
        'folder over would not see that it lives',
    );
  };
  return end;
}
