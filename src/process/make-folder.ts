// `mkdir -p` that tells the truth. Node's own recursive form never returns below /proc, and says "no such
// file" where the file system is read-only.
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a folder and what is missing above it, with the mode of the process.
 * @param path absolute
 * @returns false when it was there already
 * @throws what mkdir(2) says of the first folder that cannot be made; EEXIST also where a file is in the way
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
    // A folder that exists on a read-only file system is refused by another name than EEXIST.
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory() === true) return false;
    throw error;
  }
}
