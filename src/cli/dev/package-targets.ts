// Finds the files of the project that an import by name leads to: `#name` of the nearest package.json, and
// packages of the same workspace, which are links in node_modules. Installed packages are not entered.
//
// Conditions of `imports` and `exports` are not evaluated: all files that a name may lead to are returned.
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { packageOf } from '../../user-code/imports.js';
import { foldersAbove, packageFileOf } from '../../user-code/package-file.js';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type Package = { readonly [key: string]: Json };

/** The runtime itself, which does not change while it runs. */
const RUNTIME = 'multilane';

/** The members of a package.json that decide which files are loaded, and how. */
const LOADING = ['type', 'main', 'imports', 'exports', 'dependencies', 'workspaces'];

/** What of a package.json matters to a process; its scripts, for example, do not. */
export function loadingPart(text: string): string {
  try {
    const content = JSON.parse(text) as Package;
    return JSON.stringify(LOADING.map((member) => content[member]));
  } catch {
    return text; // it is being written, or damaged
  }
}

/**
 * @param specifier begins with neither `.` nor `/`
 * @returns absolute paths, some of which may not exist; for a package that is not installed, the file that an
 *   installation creates
 */
export function targetsOf(specifier: string, importer: string): readonly string[] {
  if (isBuiltin(specifier) || /^[a-z]+:/.test(specifier)) return [];
  if (specifier.startsWith('#')) {
    const file = packageFileOf(importer);
    return file === undefined ? [] : mapped(readPackage(file).imports, specifier, dirname(file));
  }
  const name = packageOf(specifier);
  if (name === RUNTIME) return [];
  const own = packageFileOf(importer);
  if (own !== undefined && readPackage(own).name === name) return filesOf(own, specifier.slice(name.length));
  for (const folder of foldersAbove(importer)) {
    const path = join(folder, 'node_modules', name, 'package.json');
    if (!existsSync(path)) continue;
    const file = realpathSync(path);
    if (file.includes(`${sep}node_modules${sep}`)) return [];
    return [file, ...filesOf(file, specifier.slice(name.length))];
  }
  return own === undefined ? [] : [join(dirname(own), 'node_modules', name, 'package.json')];
}

/** @param path what follows the name of the package, e.g. `/errors`; empty for its main module */
function filesOf(packageFile: string, path: string): readonly string[] {
  const { exports, main } = readPackage(packageFile);
  const folder = dirname(packageFile);
  if (exports === undefined) {
    return [join(folder, path === '' ? (typeof main === 'string' ? main : 'index.js') : path)];
  }
  const hasPaths =
    typeof exports === 'object' &&
    exports !== null &&
    Object.keys(exports).some((key) => key.startsWith('.'));
  return hasPaths ? mapped(exports, `.${path}`, folder) : textsIn(exports).map((text) => join(folder, text));
}

/** All files that a key of `imports` or `exports` leads to; a key may have a `*`. */
function mapped(map: Json | undefined, name: string, folder: string): readonly string[] {
  if (typeof map !== 'object' || map === null || Array.isArray(map)) return [];
  return Object.entries(map).flatMap(([key, value]) => {
    const [begin = '', end] = key.split('*');
    const isMeant =
      end === undefined
        ? name === key
        : name.startsWith(begin) && name.endsWith(end) && name.length >= begin.length + end.length;
    if (!isMeant) return [];
    const star = end === undefined ? '' : name.slice(begin.length, name.length - end.length);
    const texts = textsIn(value).filter((text) => text.startsWith('./'));
    return texts.map((text) => join(folder, text.replaceAll('*', star)));
  });
}

/** The texts in a value, without those of the condition `types`, which no process loads. */
function textsIn(value: Json): readonly string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => (key === 'types' ? [] : textsIn(inner)));
}

function readPackage(file: string): Package {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Package;
  } catch {
    return {};
  }
}
