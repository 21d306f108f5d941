// Unix sockets by their path in a folder. A path longer than the kernel takes is cut short by Node.js 20 without a
// word, so it is measured here; on Linux a socket in a deep folder is reached through /proc/self/fd.
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';

/** `sun_path` of unix(7) has 108 bytes, the last one for NUL; macOS has 104. */
export const LONGEST_SOCKET_PATH = process.platform === 'darwin' ? 103 : 107;

export const fitsSocket = (path: string): boolean => Buffer.byteLength(path) <= LONGEST_SOCKET_PATH;

/**
 * What the kernel says of somebody who listens there. `answers`: a process listens, in whatever namespace it lives and
 * even if it is stopped at the moment. `refuses`: the socket is there and nobody listens. `absent`: no socket, or none
 * that can be reached from here.
 */
export type SocketState = 'answers' | 'refuses' | 'absent';

export function socketState(folder: string, name: string): Promise<SocketState> {
  return withSocketPath(
    folder,
    name,
    (path) =>
      new Promise<SocketState>((resolve) => {
        const socket = connect(path);
        socket.once('connect', () => {
          socket.destroy();
          resolve('answers');
        });
        socket.once('error', ({ code }: NodeJS.ErrnoException) => {
          // EAGAIN: so many wait to be accepted that there is no room for one more.
          if (code === 'EAGAIN') resolve('answers');
          else resolve(code === 'ECONNREFUSED' ? 'refuses' : 'absent');
        });
      }),
  ).catch(() => 'absent' as const);
}

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
  if (process.platform !== 'linux') throw new Error(`${path} is too long for a Unix socket`);
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    return await use(`/proc/self/fd/${handle.fd}/${name}`);
  } finally {
    await handle?.close();
  }
}
