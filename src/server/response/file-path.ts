// Opens the file that a path of a URL names. It must be below its root after all links are followed, and no
// name on the way may begin with a dot.

import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { constants, open, realpath } from 'node:fs/promises';
import { relative, resolve, sep } from 'node:path';
import { isOutOfFiles, OutOfFilesError } from '../../open-files.js';

export interface OpenFile {
  readonly handle: FileHandle;
  readonly stats: BigIntStats;
}

/** Errors that a client can cause by the path it requests; it gets 404 for them. */
const ABSENT = new Set([
  'ENOENT',
  'ENOTDIR',
  'ELOOP',
  'ENAMETOOLONG',
  'EACCES',
  'EPERM',
  'EISDIR',
  'ENXIO',
  'EINVAL',
]);

/**
 * @param root an absolute path
 * @param path the decoded path, with `/` as separator
 * @returns undefined when the path names no file, a hidden one, or one outside of the root
 * @throws Error when the root does not exist, or the file cannot be read for a reason in this process
 * @throws OutOfFilesError
 */
export async function openBelow(root: string, path: string): Promise<OpenFile | undefined> {
  if (!isPlain(path)) return undefined;
  // The root is resolved every time: a link may have been changed to the next release.
  const realRoot = await realpath(root);
  const real = await present(realpath(resolve(realRoot, path)));
  if (real === undefined) return undefined;
  const inside = relative(realRoot, real);
  if (!isPlain(inside.replaceAll(sep, '/'))) return undefined;
  // Without O_NONBLOCK a pipe would block a thread of libuv's pool until a process writes to it.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await present(open(real, flags));
  if (handle === undefined) return undefined;
  try {
    const stats = await handle.stat({ bigint: true });
    if (stats.isFile()) return { handle, stats };
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return undefined;
}

/** True for a path without `..`, hidden names, and characters that another system takes for a separator. */
function isPlain(path: string): boolean {
  return (
    path !== '' &&
    !/[\0\\]/.test(path) &&
    path.split('/').every((name) => name !== '' && !name.startsWith('.'))
  );
}

async function present<T>(opening: Promise<T>): Promise<T | undefined> {
  try {
    return await opening;
  } catch (error) {
    if (ABSENT.has((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw isOutOfFiles(error) ? new OutOfFilesError(error) : error;
  }
}
