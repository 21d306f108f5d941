// One look at the files that a project consists of, found from its configuration file on: the modules that it
// imports, what these refer to beside them, and the files that decide how modules are found. `dev` watches
// these files and no others.
import { realpathSync, statSync } from 'node:fs';
import { dirname, extname, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageFileOf } from '../../user-code/package-file.js';
import { isBelow } from '../is-below.js';
import { contentOf, type FileContent, namesIn } from './file-content.js';
import { targetsOf } from './package-targets.js';
import type { Reference } from './references.js';

export interface ProjectFile {
  /** Changes with the content; `MISSING` for a file that is referred to and does not exist. */
  readonly stamp: string;
  /** What has to run anew after a change: `process` where the primary has read the file, too. */
  readonly reach: 'workers' | 'process';
}

/** Files by their absolute paths. */
export type ProjectFiles = ReadonlyMap<string, ProjectFile>;

const CODE = /^\.[cm]?[jt]sx?$/;
/** Files that only the primary reads, whatever refers to them. */
const OF_PRIMARY = /^\.(sql|proto)$/;
/** What TypeScript replaces in an import of a file that is not built. */
const SOURCES: Readonly<Record<string, string>> = { '.js': '.ts', '.mjs': '.mts', '.cjs': '.cts' };
const EXTENSIONS = ['.js', '.cjs', '.mjs', '.ts', '.json', '/index.js', '/index.cjs', '/index.ts'];
/** What is known of files, by their absolute paths. */
export type KnownContents = ReadonlyMap<string, FileContent>;

/** One search for all files. Those that may have changed are read. */
export class Look {
  readonly #known: KnownContents;
  readonly #mostFiles: number;
  readonly #files = new Map<string, ProjectFile>();
  /** The iteration goes on with what is added meanwhile. */
  readonly #paths = new Map<string, ProjectFile['reach']>();
  /** What has been looked up already: the same reference from the same folder leads to the same files. */
  readonly #followed = new Set<string>();
  /** Those of the files of this look. */
  readonly contents = new Map<string, FileContent>();
  /** A file that is one too many. */
  omitted: string | undefined;

  /**
   * @param known of an earlier look; they hold for files that have not changed
   * @param mostFiles files beyond are omitted
   */
  constructor(known: KnownContents, mostFiles: number) {
    this.#known = known;
    this.#mostFiles = mostFiles;
  }

  /** @param path absolute; a path that a link leads to another file of is added as that file */
  add(path: string, reach: ProjectFile['reach'] = 'workers'): void {
    if (this.#paths.has(path)) return;
    const real = realPathOf(path);
    for (const one of real === undefined ? [path] : [path, real]) {
      if (this.#paths.has(one)) continue;
      if (this.#paths.size < this.#mostFiles) this.#paths.set(one, reach);
      else this.omitted ??= one;
    }
  }

  addSettingsOf(folder: string): void {
    this.add(join(folder, '.env'), 'process');
    for (const name of namesIn(folder)) if (name.startsWith('.env.')) this.add(join(folder, name), 'process');
  }

  run(): ProjectFiles {
    for (const [path, reach] of this.#paths) {
      const content = contentOf(path, this.#known.get(path));
      this.contents.set(path, content);
      const isOfPrimary = reach === 'process' || OF_PRIMARY.test(extname(path));
      this.#files.set(path, { stamp: content.stamp, reach: isOfPrimary ? 'process' : 'workers' });
      if (content.references !== undefined) this.#follow(path, content.references);
    }
    return this.#files;
  }

  #follow(path: string, references: readonly Reference[]): void {
    const folder = dirname(path);
    if (extname(path) !== '.proto' && this.#isNew(folder)) this.#addPackage(path);
    for (const reference of references)
      if (this.#isNew(`${reference.kind} ${reference.text}\n${folder}`)) this.#refer(reference, path);
  }

  #isNew(what: string): boolean {
    const { size } = this.#followed;
    return this.#followed.add(what).size > size;
  }

  #addPackage(path: string): void {
    const packageFile = packageFileOf(path);
    if (packageFile === undefined) return;
    this.add(packageFile, 'process');
    // An installation writes it last.
    this.add(join(dirname(packageFile), 'node_modules', '.package-lock.json'), 'process');
  }

  #refer({ kind, text }: Reference, importer: string): void {
    const isBeside = /^(\.{0,2}\/|\.{1,2}$|file:)/.test(text);
    if (kind === 'file') this.add(resolve(dirname(importer), text));
    else if (kind === 'begin') {
      if (isBeside) this.#addBegin(resolvedPath(text, importer), importer);
    } else if (isBeside || kind === 'path') {
      const path = resolvedPath(text, importer);
      if (path !== undefined) this.#addTarget(path, kind, importer);
    } else {
      for (const target of targetsOf(text, importer)) this.#addTarget(target, 'module', importer);
    }
  }

  #addTarget(path: string, kind: 'module' | 'path', importer: string): void {
    const target = path.length > 1 && path.endsWith(sep) ? path.slice(0, -1) : path;
    const what = kindOf(target);
    if (what === 'folder' && kind === 'path') {
      this.#addTree(target, importer);
      return;
    }
    if (what !== 'folder') this.add(target);
    if (what === 'file' || kind === 'path') return;
    const source = SOURCES[extname(target)];
    if (source !== undefined) this.add(target.slice(0, -extname(target).length) + source);
    for (const extension of EXTENSIONS)
      if (kindOf(target + extension) === 'file') this.add(target + extension);
  }

  /** Adds what a computed import may lead to: the files below a folder, or beside the importer. */
  #addBegin(begin: string | undefined, importer: string): void {
    if (begin === undefined) return;
    const folder = begin.endsWith(sep) ? begin.slice(0, -1) : dirname(begin);
    // A folder with the importer in it has files that are not meant.
    if (!isBelow(importer, folder)) this.#addTree(folder, importer);
    else if (folder === dirname(importer)) {
      for (const name of namesIn(folder)) if (CODE.test(extname(name))) this.add(join(folder, name));
    }
  }

  /** Code in a folder that is referred to as a whole may be that of migrations, which the primary runs. */
  #addTree(folder: string, importer: string): void {
    if (isBelow(importer, folder)) return;
    const paths = [folder, ...entriesBelow(folder)];
    const reach = paths.some((path) => CODE.test(extname(path)) || OF_PRIMARY.test(extname(path)));
    for (const path of paths) this.add(path, reach ? 'process' : 'workers');
  }
}

function resolvedPath(text: string, importer: string): string | undefined {
  try {
    if (text.startsWith('file:')) return fileURLToPath(text);
  } catch {
    return undefined;
  }
  const path = resolve(dirname(importer), text.replace(/[?#].*$/, ''));
  return text.endsWith('/') ? `${path}${sep}` : path;
}

function* entriesBelow(folder: string): Generator<string> {
  for (const name of namesIn(folder)) {
    if (name.startsWith('.') || name === 'node_modules') continue;
    const path = join(folder, name);
    yield path;
    if (kindOf(path) === 'folder') yield* entriesBelow(path);
  }
}

function kindOf(path: string): 'file' | 'folder' | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? undefined : stats.isDirectory() ? 'folder' : 'file';
}

function realPathOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
