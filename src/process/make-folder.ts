// Makes a folder and its parents, like `mkdir -p`. The recursive form of Node.js cannot be used: below /proc
// it never returns, and on a read-only file system it reports "no such file".
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a folder, and the folders above it that are missing, with the mode of the process.
 * @param path absolute
 * @returns false when the folder existed already
 * @throws Error of mkdir(2) for the first folder that cannot be made; EEXIST also where a file is in the way
 */
export async function makeFolder(path: string): Promise<boolean> {
  try {
    return await makeOne(path);
  } catch (error) {
    const parent = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === path) throw error;
    await makeFolder(parent);
    return makeOne(path);
  }
}

async function makeOne(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    // For a folder that exists, a read-only file system may report another code than EEXIST.
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory() === true) return false;
    throw error;
  }
}
