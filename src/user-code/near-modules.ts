// Finds the file that a wrong import means: one with the ending that the import lacks, one with a similar
// name, or one of the same name in another folder.
import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, relative, resolve, sep } from 'node:path';
import { suggestedName } from '../name-suggestion.js';

/** Endings that an import may lack, or in place of which it may have another one. */
const ENDINGS = ['.ts', '.mts', '.cts', '.tsx', '.js', '.mjs', '.cjs', '.json'];
/** The most folders above the one of the importer in which a file is looked for. */
const MOST_ABOVE = 4;

/** The specifier with which a file in a folder imports another file. */
export function specifierOf(folder: string, file: string): string {
  const path = relative(folder, file);
  return path.startsWith(`..${sep}`) ? path : `./${path}`;
}

/** The file that a path means which lacks the end of its name, or has that of another kind of module. */
export function moduleOf(target: string): string | undefined {
  const stem = stemOf(target);
  const names = [
    ...ENDINGS.map((ending) => target + ending),
    ...ENDINGS.map((ending) => join(target, `index${ending}`)),
    ...(stem === target ? [] : ENDINGS.map((ending) => stem + ending)),
  ];
  return names.find((name) => name !== target && isFile(name));
}

/** A module in the folder of a path that does not exist, whose name is similar. */
export function similarModule(target: string): string | undefined {
  const folder = dirname(target);
  const names = modulesIn(folder);
  const near = suggestedName(basename(target), names);
  if (near !== undefined) return join(folder, near);
  const nearStem = suggestedName(stemOf(basename(target)), names.map(stemOf));
  const name = names.find((one) => stemOf(one) === nearStem);
  return name && join(folder, name);
}

/**
 * A file of the same path below another folder of the package: the one of the importer, or one above it.
 * Beginnings such as `../` and `@/` are left out.
 */
export function fileAround(importing: string, specifier: string): string | undefined {
  const path = specifier.replace(/^(?:(?:\.{1,2}|[@~])?\/)+/, '');
  let folder = importing;
  for (let above = 0; above <= MOST_ABOVE && path !== ''; above++, folder = dirname(folder)) {
    const exact = resolve(folder, path);
    const file = isFile(exact) ? exact : moduleOf(exact);
    if (file !== undefined) return file;
    if (namesIn(folder).includes('package.json')) return undefined;
  }
  return undefined;
}

/** The first module of a folder, apart from one of them. */
export function moduleIn(folder: string, except: string): string | undefined {
  return modulesIn(folder)
    .map((name) => join(folder, name))
    .find((file) => file !== except);
}

const modulesIn = (folder: string): readonly string[] =>
  namesIn(folder).filter((name) => ENDINGS.includes(extname(name)));

const stemOf = (name: string): string =>
  ENDINGS.includes(extname(name)) ? name.slice(0, -extname(name).length) : name;

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

export const isFolder = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
