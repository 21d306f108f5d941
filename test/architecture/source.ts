// Finds the imports and the code without comments of TypeScript files. TypeScript 7 has no API for that yet,
// so this file implements just enough of the language: comments, strings, and the forms of import and export.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

export interface Import {
  /** The specifier as written: `./x.js`, `pg`, `node:fs`. */
  readonly specifier: string;
  /** Path of the imported file of this repository, e.g. `src/db/pool.ts`; undefined for a package. */
  readonly file: string | undefined;
  readonly typeOnly: boolean;
}

export interface Source {
  /** Path from the root of the repository, e.g. `src/db/pool.ts`. */
  readonly path: string;
  /** The content without comments. */
  readonly code: string;
  readonly imports: readonly Import[];
}

const TOKENS = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;

/** Removes comments. It matches strings too, so that a `//` inside a string is not removed. */
export const withoutComments = (text: string): string =>
  text.replace(TOKENS, (token) => (token.startsWith('/') ? '' : token));

const FROM = /\b(import|export)\s+(type\s+)?((?:[\w$*,\s]|\{[^{}]*\})*?)\s*from\s*['"]([^'"]+)['"]/g;
const SIDE_EFFECT = /\bimport\s*['"]([^'"]+)['"]/g;
const DYNAMIC = /\bimport\s*\(\s*['"]([^'"]+)['"]/g;

/** True for a clause such as `{ type A, type B }`, which imports nothing at run time. */
function onlyTypes(clause: string): boolean {
  const [, names, ...others] = /^\{([^{}]*)\}$/.exec(clause.trim()) ?? [];
  if (names === undefined || others.length > 0) return false;
  const parts = names.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]));
  return parts.length > 0 && parts.every((part) => part.startsWith('type '));
}

function fileOf(specifier: string, from: string): string | undefined {
  const toTs = (path: string): string => {
    const [ts, tsx] = ['.ts', '.tsx'].map((ending) => path.replace(/\.js$/, ending)) as [string, string];
    return !existsSync(ts) && existsSync(tsx) ? tsx : ts;
  };
  if (specifier === 'multilane') return 'src/index.ts';
  if (specifier.startsWith('#')) return toTs(specifier.slice(1).replace(/^bundle\//, 'src/'));
  return specifier.startsWith('.') ? toTs(posix.join(posix.dirname(from), specifier)) : undefined;
}

export function parse(path: string, text: string): Source {
  const code = withoutComments(text);
  const found = [
    ...[...code.matchAll(FROM)].map(([, , type, clause = '', specifier = '']) => ({
      specifier,
      typeOnly: type !== undefined || onlyTypes(clause),
    })),
    ...[...code.matchAll(SIDE_EFFECT), ...code.matchAll(DYNAMIC)].map(([, specifier = '']) => ({
      specifier,
      typeOnly: false,
    })),
  ];
  const imports = found.map((entry) => ({ ...entry, file: fileOf(entry.specifier, path) }));
  return { path, code, imports };
}

export function sourcesBelow(...folders: readonly string[]): readonly Source[] {
  return folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => parse(path, readFileSync(path, 'utf8'))),
  );
}

/** The import cycles, each once, as the list of its files. */
export function cycles(sources: readonly Source[]): readonly string[] {
  const targets = new Map(
    sources.map(({ path, imports }) => [
      path,
      imports.flatMap(({ file }) => (file === undefined ? [] : [file])),
    ]),
  );
  const found: string[] = [];
  const finished = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) found.push([...trail.slice(start), path].join(' -> '));
    if (start >= 0 || finished.has(path)) return;
    for (const target of targets.get(path) ?? []) visit(target, [...trail, path]);
    finished.add(path);
  };
  for (const { path } of sources) visit(path, []);
  return found;
}
