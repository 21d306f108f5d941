// A file as a test names it: `new URL('../multilane.config.js', import.meta.url)`, or a path from the working
// directory.
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The absolute path. */
export const fileOf = (file: URL | string): string =>
  resolve(file instanceof URL || file.startsWith('file:') ? fileURLToPath(file) : file);
