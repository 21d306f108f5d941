// Finds the line of a project that names a file or a folder by `new URL('…', import.meta.url)`, for a message
// about one that does not exist.
import { dirname, resolve } from 'node:path';
import { importsFrom, linesOf } from './imports.js';
import { formatLocation } from './project-error.js';
import { sourceLine } from './source-maps.js';

const URL_OF = /\bnew URL\(\s*(['"`])([^'"`\n]+)\1\s*,\s*import\.meta\.url\b/g;

/**
 * @param entry the configuration file; the modules that it imports are searched, too
 * @param target absolute path of the file or folder
 * @returns `services/shop/service.ts:7`; undefined when no line names it in this way
 */
export function placeOfUrl(entry: string, target: string): string | undefined {
  const files = new Set([entry]);
  for (const found of importsFrom(entry)) if (found.target !== undefined) files.add(found.target);
  for (const file of files) {
    for (const [n, text] of linesOf(file).entries()) {
      for (const { 2: given = '' } of text.matchAll(URL_OF)) {
        if (resolve(dirname(file), given) !== target) continue;
        const place = sourceLine(file, n + 1);
        return formatLocation(place.file, place.line);
      }
    }
  }
  return undefined;
}
