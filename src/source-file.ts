// The source of a file of a built project. Messages name files that their reader can correct: the next build
// replaces those that it has written. The inverse is built-file.ts.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * Name of a file that marks a folder as the result of a build, so the next build may remove the folder. Its
 * content is the way from there to the folder of the project.
 */
export const BUILD_MARK = '.multilane-build';

interface Built {
  /** Folder of the result. */
  readonly out: string;
  /** Folder of the sources. */
  readonly folder: string;
}

/** @returns undefined for a file of no build, and where the sources are not on this machine */
function buildOf(path: string): Built | undefined {
  let out = path;
  while (!existsSync(join(out, BUILD_MARK))) {
    if (out === dirname(out)) return undefined;
    out = dirname(out);
  }
  const folder = resolve(out, readFileSync(join(out, BUILD_MARK), 'utf8').trim() || '..');
  return existsSync(join(folder, 'tsconfig.json')) ? { out, folder } : undefined;
}

/**
 * The file from which a build has made another one, or would make it.
 * @param path absolute; it need not exist
 * @returns the same path for a file of no build
 * @example sourceFile('/shop/dist/services/hello/service.js') // '/shop/services/hello/service.ts'
 */
export function sourceFile(path: string): string {
  const build = buildOf(path);
  if (build === undefined) return path;
  const inside = join(build.folder, relative(build.out, path));
  const names = [...typescriptNames(inside), inside];
  return names.find((one) => existsSync(one)) ?? names[0]!;
}

/** The names of the TypeScript files of which a compiler makes a module. @returns none for another file */
export function typescriptNames(path: string): readonly string[] {
  const [, stem, kind] = /^(.*)\.([cm]?)js$/.exec(path) ?? [];
  return stem === undefined ? [] : [`${stem}.${kind}ts`, `${stem}.tsx`];
}

/**
 * The path to show for a file that does not exist: its source does not exist either, or it is not in the
 * build although its source exists.
 */
export function missingFile(path: string): string {
  const source = sourceFile(path);
  return existsSync(source) ? path : source;
}

/**
 * Paths and URLs of files: modules, then what is in quotes, at the end of a line behind the words with which
 * Node.js names a file, and without blanks.
 */
const FILES = [
  /(?<=')(?:file:\/\/)?\/[^'\n]+\.[cm]?js(?=')/,
  /(?<![^\s"(`])(?:file:\/\/)?\/[^\s'"()`]+\.[cm]?js\b/,
  /(?<=')\/[^'\n]+(?=')/,
  /(?<=")(?:file:\/\/)?\/[^"\n]+(?=")/,
  /(?<= imported from | for |^- )\/[^'"\n]+$/,
  /(?<![^\s"(`])\/[^\s'"()`]+/,
];
const ANY_FILE = new RegExp(FILES.map(({ source }) => source).join('|'), 'gm');
const MODULE = /\.[cm]?js$/;

/** A text of Node.js in which files of a build are replaced by their sources. */
export const withSourceFiles = (text: string): string =>
  text.replaceAll(ANY_FILE, (name) => {
    const isUrl = name.startsWith('file:');
    const path = isUrl ? fileURLToPath(name) : name;
    const isThere = MODULE.test(path) || existsSync(path);
    const source = isThere ? sourceFile(path) : missingFile(path);
    return isUrl ? pathToFileURL(source).href : source;
  });
