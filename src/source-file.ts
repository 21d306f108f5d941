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
  let out = dirname(path);
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
  const [, stem, kind] = /^(.*)\.([cm]?)js$/.exec(inside) ?? [];
  if (stem === undefined) return inside;
  const compiled = `${stem}.${kind}ts`;
  return [compiled, `${stem}.tsx`, inside].find((one) => existsSync(one)) ?? compiled;
}

/**
 * The path to show for a file that does not exist: its source does not exist either, or it is not in the
 * build although its source exists.
 */
export function missingFile(path: string): string {
  const source = sourceFile(path);
  return existsSync(source) ? path : source;
}

/** Paths and URLs of modules: those in quotes, and those without blanks. */
const MODULES =
  /(?<=')(?:file:\/\/)?\/[^'\n]+\.[cm]?js(?=')|(?<![^\s"(`])(?:file:\/\/)?\/[^\s'"()`]+\.[cm]?js\b/g;

/** A text of Node.js in which built modules are replaced by their sources. */
export const withSourceFiles = (text: string): string =>
  text.replaceAll(MODULES, (name) =>
    name.startsWith('file:') ? pathToFileURL(sourceFile(fileURLToPath(name))).href : sourceFile(name),
  );
