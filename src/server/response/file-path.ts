// Finds and opens the file that a path of a URL names. It must be below its root after all links are
// followed, and no name on the way may begin with a dot.

import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { constants, open, realpath, stat } from 'node:fs/promises';
import { relative, resolve, sep } from 'node:path';
import { isOutOfFiles, OutOfFilesError } from '../../open-files.js';

export interface OpenFile {
  readonly handle: FileHandle;
  readonly stats: BigIntStats;
}

/** What is at a path, after all links are followed. */
export interface FoundFile {
  readonly real: string;
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
 * @param realRoot resolves the links of a root as they are now: one may have been changed to the next release
 * @param path the decoded path, with `/` as separator
 * @returns undefined when the path names no file, a hidden one, or one outside of the root
 * @throws Error when the root does not exist
 */
export async function findBelow(
  root: string,
  realRoot: (root: string) => Promise<string>,
  path: string,
): Promise<FoundFile | undefined> {
  if (!isPlain(path)) return undefined;
  const full = resolve(root, path);
  // They run at the same time, in threads of libuv's pool.
  const [base, real, stats] = await Promise.all([realRoot(root), present(realpath(full)), statsOf(full)]);
  if (real !== undefined && stats !== undefined && isInside(base, real)) {
    return stats.isFile() ? { real, stats } : undefined;
  }
  if (real === undefined || isInside(base, real)) return undefined;
  // The path leads out of the root, or the root has become another folder in between.
  const again = await present(realpath(resolve(base, path)));
  if (again === undefined || !isInside(base, again)) return undefined;
  const late = await statsOf(again);
  return late?.isFile() === true ? { real: again, stats: late } : undefined;
}

const statsOf = (path: string): Promise<BigIntStats | undefined> => present(stat(path, { bigint: true }));

/**
 * Opens a file that was found.
 * @returns undefined when it is none any more, or may not be read
 * @throws OutOfFilesError, and Error when it cannot be opened for another reason in this process
 */
export async function openFound(real: string): Promise<OpenFile | undefined> {
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

const isInside = (root: string, real: string): boolean => isPlain(relative(root, real).replaceAll(sep, '/'));

/** True for a path without `..`, hidden names, and characters that another system takes for a separator. */
export function isPlain(path: string): boolean {
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
