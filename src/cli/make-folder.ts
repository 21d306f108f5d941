// Makes a folder with those above it. `mkdir` of Node.js 20 with `recursive` never ends where the system
// refuses a new folder in an existing one with ENOENT, such as in /proc.
import { existsSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * A folder that exists is left as it is.
 * @throws the error of `mkdir` for the first folder that cannot be made
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await stat(path).catch(() => undefined))?.isDirectory() === true) return;
    if (code !== 'ENOENT' || existsSync(dirname(path))) throw error;
    await makeFolder(dirname(path));
    await makeFolder(path);
  }
}
