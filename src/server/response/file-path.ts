// From what a URL says to a file that may be shown: below its root whatever links it goes through, and
// nothing that hides behind a dot.

import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { constants, open, realpath } from 'node:fs/promises';
import { relative, resolve, sep } from 'node:path';
import { isOutOfFiles, OutOfFilesError } from '../../open-files.js';

export interface OpenFile {
  readonly handle: FileHandle;
  readonly stats: BigIntStats;
}

/** What a stranger may cause by asking: there is no such file for him. */
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
 * @param root absolute
 * @param path decoded, with `/`
 * @returns undefined for what is no file, hidden, or outside of the root
 * @throws Error when the root is not there, or reading fails in a way that is our fault; OutOfFilesError
 */
export async function openBelow(root: string, path: string): Promise<OpenFile | undefined> {
  if (!isPlain(path)) return undefined;
  // Asked every time: a root that is a link may be made to lead to the next release.
  const realRoot = await realpath(root);
  const real = await present(realpath(resolve(realRoot, path)));
  if (real === undefined) return undefined;
  const inside = relative(realRoot, real);
  if (!isPlain(inside.replaceAll(sep, '/'))) return undefined;
  // A pipe must not hold a thread of the pool until somebody writes.
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

/** Names only: no step up, no hidden one, nothing that another system would read as a separator. */
function isPlain(path: string): boolean {
  return (
    path !== '' &&
    !/[\0\\]/.test(path) &&
    path.split('/').every((name) => name !== '' && !name.startsWith('.'))
  );
}

async function present<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (ABSENT.has((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw isOutOfFiles(error) ? new OutOfFilesError(error) : error;
  }
}
