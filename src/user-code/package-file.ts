// The package.json that a file of a project belongs to.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Folders from the one of a file up to the root. */
export function* foldersAbove(file: string): Generator<string> {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    yield folder;
    if (folder === dirname(folder)) return;
  }
}

/** The package.json that a file belongs to; undefined without one. */
export function packageFileOf(file: string): string | undefined {
  for (const folder of foldersAbove(file)) {
    const path = join(folder, 'package.json');
    if (existsSync(path)) return path;
  }
  return undefined;
}
