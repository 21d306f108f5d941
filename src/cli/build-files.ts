// Which files of a project are copied into the built one, and which belong to its tests.
import { copyFile, constants as fs, mkdir, readdir, realpath, stat } from 'node:fs/promises';
import { dirname, extname, join, relative, sep } from 'node:path';
import { isBelow } from './is-below.js';

/** Files that a compiler reads, or that only tools read. */
const NO_ASSETS: ReadonlySet<string> = new Set(['.ts', '.mts', '.cts', '.tsx', '.tsbuildinfo', '.log']);
/** Folders that are never a part of a service, wherever they are. */
const NO_FOLDERS: ReadonlySet<string> = new Set(['node_modules', 'coverage']);
/** Files of the project itself, directly in its folder: its description, its tools, its deployment. */
const OF_PROJECT = [
  /^(package|package-lock|npm-shrinkwrap|[jt]sconfig[\w.-]*|biome|deno|bun)\.jsonc?$/,
  /^(yarn\.lock|pnpm-.*\.yaml|bun\.lockb?|Makefile|Dockerfile.*|(docker-)?compose.*\.ya?ml)$/,
  /^(LICEN[CS]E|NOTICE)|\.(config\.[cm]?js|md|service|tgz)$/i,
];
const TEST_FOLDERS: ReadonlySet<string> = new Set(['test', 'tests']);

/**
 * Whether a file belongs to the tests: those below `test` or `tests` in the folder of the project, and below
 * `__tests__`, and those named `*.test.*` or `*.spec.*`, wherever they are.
 * @param path relative to the folder of the project
 */
export function isOfTests(path: string): boolean {
  const names = path.split(sep);
  if (TEST_FOLDERS.has(names[0]!) || names.includes('__tests__')) return true;
  return /\.(test|spec)\.[^/]+$/.test(names.at(-1)!);
}

export interface AssetOptions {
  /** Absolute paths of folders that are not entered. */
  readonly except: readonly string[];
  readonly withTests: boolean;
  /** Called for a link that leads out of the project. @param link relative to the folder of the project */
  readonly leftOut: (link: string, target: string) => void;
}

/**
 * Yields the files of a project that its code may read, relative to its folder: all but TypeScript, names
 * that begin with a dot, installed packages, stored data, and files of the project itself. A link that leads
 * out of the project is left out: what is behind it has no bound, and need not be meant for a deployment.
 */
export async function* assetsOf(folder: string, options: AssetOptions): AsyncGenerator<string> {
  const { except, withTests, leftOut } = options;
  const project = await realpath(folder);
  /** Each with the folders above it, under their real names. */
  const folders: { readonly current: string; readonly above: readonly string[] }[] = [
    { current: folder, above: [] },
  ];
  for (const { current, above } of folders) {
    // A link may lead back to a folder above it.
    const real = await realpath(current);
    if (above.includes(real) || except.includes(current) || (await isDataDir(current))) continue;
    const entries = await readdir(current, { withFileTypes: true });
    const links = new Set(entries.filter((entry) => entry.isSymbolicLink()).map(({ name }) => name));
    for (const name of entries.map((entry) => entry.name).sort()) {
      const path = join(current, name);
      const inside = relative(folder, path);
      if (name.startsWith('.') || (!withTests && isOfTests(inside))) continue;
      const stats = await stat(path).catch(() => undefined); // a link may lead nowhere
      const isFolder = stats?.isDirectory() === true && !NO_FOLDERS.has(name);
      if (!isFolder && !(stats?.isFile() === true && isAsset(name, inside === name))) continue;
      const target = links.has(name) ? await realpath(path) : undefined;
      if (target !== undefined && target !== project && !isBelow(target, project)) leftOut(inside, target);
      else if (isFolder) folders.push({ current: path, above: [...above, real] });
      else yield inside;
    }
  }
}

const isAsset = (name: string, isOutside: boolean): boolean =>
  !NO_ASSETS.has(extname(name)) && !(isOutside && OF_PROJECT.some((one) => one.test(name)));

/** A file of a DATA_DIR that says which process owns it (process/owner-files.ts). */
const OWNER = /^owner-\d+\./;

/** Whether a folder is a DATA_DIR: it holds the data of a PostgreSQL, or only owners and flight records. */
async function isDataDir(folder: string): Promise<boolean> {
  if ((await stat(join(folder, 'pg/data')).catch(() => undefined))?.isDirectory()) return true;
  const names = await readdir(folder);
  return (
    names.some((name) => OWNER.test(name)) && names.every((name) => name === 'flight' || OWNER.test(name))
  );
}

/** Copies a file, unless the compiler has written one of that name. */
export async function copyAsset(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  try {
    await copyFile(from, to, fs.COPYFILE_EXCL);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
