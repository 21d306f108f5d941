// Unix sockets by their path. Node.js 20 silently cuts a path that is longer than the kernel allows, so the
// length is checked here. On Linux a socket with a longer path is reached through /proc/self/fd.
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';

/** `sun_path` of unix(7) has 108 bytes, the last one for NUL; macOS has 104. */
export const LONGEST_SOCKET_PATH = process.platform === 'darwin' ? 103 : 107;

export const fitsSocket = (path: string): boolean => Buffer.byteLength(path) <= LONGEST_SOCKET_PATH;

/**
 * Whether a process listens on a socket, as the kernel reports it. `listening`: a process listens, in any
 * namespace and even if it is stopped at the moment. `refusing`: the socket exists and no process listens.
 * `absent`: the socket does not exist.
 */
export type SocketState = 'listening' | 'refusing' | 'absent';

const STATES: ReadonlyMap<unknown, SocketState> = new Map([
  // The queue of connections that wait to be accepted is full.
  ['EAGAIN', 'listening'],
  ['ECONNREFUSED', 'refusing'],
  ['ENOENT', 'absent'],
]);

/**
 * @throws Error with the `code` of its cause when the state cannot be found out, for example because no file
 *   descriptor is free: a process may listen there
 */
export async function socketState(folder: string, name: string): Promise<SocketState> {
  const path = join(folder, name);
  if (!isReachable(path)) return 'absent'; // no process could listen there either
  try {
    await withSocketPath(folder, name, connects);
    return 'listening';
  } catch (error) {
    return stateFromError(error as NodeJS.ErrnoException, path);
  }
}

/** The state that follows from a failure to connect. @throws Error for other failures, see `socketState` */
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

/** On Linux a path that is too long is reached through /proc. */
const isReachable = (path: string): boolean => fitsSocket(path) || process.platform === 'linux';

/**
 * Calls `use` with a path of at most LONGEST_SOCKET_PATH bytes, which is valid until its promise settles.
 * @throws Error when the path is too long and there is no /proc
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
