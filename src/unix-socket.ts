// Unix sockets by their path in a folder. A path longer than the kernel takes is cut short by Node.js 20
// without a word, so it is measured here; on Linux a socket in a deep folder is reached through
// /proc/self/fd.
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';

/** `sun_path` of unix(7) has 108 bytes, the last one for NUL; macOS has 104. */
export const LONGEST_SOCKET_PATH = process.platform === 'darwin' ? 103 : 107;

export const fitsSocket = (path: string): boolean => Buffer.byteLength(path) <= LONGEST_SOCKET_PATH;

/**
 * What the kernel says of a process that listens at a socket. `answers`: one does, in whatever namespace it
 * lives and even if it is stopped at the moment. `refuses`: the socket is there and no process listens.
 * `absent`: there is no socket.
 */
export type SocketState = 'answers' | 'refuses' | 'absent';

const STATES: ReadonlyMap<unknown, SocketState> = new Map([
  // So many wait to be accepted that there is no room for one more.
  ['EAGAIN', 'answers'],
  ['ECONNREFUSED', 'refuses'],
  ['ENOENT', 'absent'],
]);

/**
 * @throws Error with the `code` of its cause when it cannot be known, as without a file descriptor: a process
 *   may listen there
 */
export async function socketState(folder: string, name: string): Promise<SocketState> {
  const path = join(folder, name);
  if (!isReachable(path)) return 'absent'; // nor could a process listen there
  try {
    await withSocketPath(folder, name, connects);
    return 'answers';
  } catch (error) {
    return stateFromError(error as NodeJS.ErrnoException, path);
  }
}

/** What the failure to connect to a socket says. @throws Error when it says nothing, see `socketState` */
export function stateFromError(error: NodeJS.ErrnoException, path: string): SocketState {
  const state = STATES.get(error.code);
  if (state !== undefined) return state;
  const unknown = new Error(`cannot tell whether a process listens at ${path}: ${error.message}`, {
    cause: error,
  });
  throw Object.assign(unknown, { code: error.code });
}

function connects(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve();
    }).once('error', reject);
  });
}

/** A path that is too long goes through /proc, which Linux has. */
const isReachable = (path: string): boolean => fitsSocket(path) || process.platform === 'linux';

/**
 * @param use gets a path of at most LONGEST_SOCKET_PATH bytes, which is good until it resolves
 * @throws Error when there is none
 */
export async function withSocketPath<T>(
  folder: string,
  name: string,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const path = join(folder, name);
  if (fitsSocket(path)) return use(path);
  if (!isReachable(path)) throw new Error(`${path} is too long for a Unix socket`);
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    return await use(`/proc/self/fd/${handle.fd}/${name}`);
  } finally {
    await handle?.close();
  }
}
