// A file as a test names it: `new URL('../multilane.config.js', import.meta.url)`, or a path from the working
// directory. In built tests, a configuration file in TypeScript means the compiled one.
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { builtFile } from '../built-file.js';

/** The absolute path. */
export const fileOf = (file: URL | string): string => fileURLToPath(builtFile(urlOf(file)));

const urlOf = (file: URL | string): URL =>
  file instanceof URL || file.startsWith('file:') ? new URL(file) : pathToFileURL(resolve(file));
