// Watches the files that a project consists of (dev/project-files.ts). An event of the file system only makes
// `dev` look at these files again: whether one has changed is decided by its content.
import { existsSync } from 'node:fs';
import { dirname, sep } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import type { ProjectFiles } from './dev/project-files.js';
import { QuietMoment } from './dev/quiet-moment.js';
import { isBelow } from './is-below.js';

/** A changed file, and what has to run anew after it. */
export interface ProjectChange {
  /** Absolute path. */
  readonly file: string;
  readonly reach: 'workers' | 'process';
}

export interface ProjectWatchOptions {
  /** Finds the files anew. */
  readonly files: () => ProjectFiles;
  readonly changed: (changes: readonly ProjectChange[]) => void;
  readonly failed: (error: unknown) => void;
}

/** The files whose content differs. */
export function changesBetween(before: ProjectFiles, after: ProjectFiles): readonly ProjectChange[] {
  return [...after].flatMap(([file, { stamp, reach }]) => {
    const known = before.get(file);
    // A file that is new to the project is referred to by one that has changed.
    return known === undefined || known.stamp === stamp ? [] : [{ file, reach }];
  });
}

export class ProjectWatch {
  readonly #options: ProjectWatchOptions;
  #files: ProjectFiles = new Map();
  /** Those that are not closed, the newest last, each with what ends the wait until it is ready. */
  readonly #watchers = new Map<FSWatcher, () => void>();
  #watched: ReadonlySet<string> = new Set();
  readonly #moment = new QuietMoment(() => this.#look());
  #isClosed = false;

  constructor(options: ProjectWatchOptions) {
    this.#options = options;
  }

  /** Resolves when all files are watched, or when the watch is closed. */
  async start(): Promise<void> {
    this.#files = this.#options.files();
    await this.#watchFiles();
  }

  /** The files as they were found last. */
  get files(): ProjectFiles {
    return this.#files;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#moment.clear();
    await Promise.all([...this.#watchers.keys()].map((watcher) => this.#closeOne(watcher)));
  }

  #look(): void {
    if (this.#isClosed) return;
    const before = this.#files;
    this.#files = this.#options.files();
    const changes = changesBetween(before, this.#files);
    if (changes.length > 0) this.#options.changed(changes);
    if ([...this.#files.keys()].some((file) => !this.#watched.has(file))) void this.#watchFiles();
  }

  /**
   * Watches the files of now in place of those of before. Files may have changed before the watch begins, so
   * they are looked at again when it has begun.
   */
  async #watchFiles(): Promise<void> {
    const wanted = new Set(this.#files.keys());
    const around = new Set([...wanted].flatMap((file) => [...foldersAbove(file)]));
    this.#watched = wanted;
    const watcher = watch([...rootsOf(wanted)], {
      ignoreInitial: true,
      // Files may be added to a folder that is watched as a whole.
      ignored: (path) => !wanted.has(path) && !around.has(path) && !wanted.has(dirname(path)),
    });
    await new Promise<void>((resolve) => {
      this.#watchers.set(watcher, resolve);
      watcher.once('ready', resolve);
      watcher.on('error', (error) => {
        this.#options.failed(error);
        resolve();
      });
    });
    if (!this.#watchers.has(watcher)) return; // closed meanwhile
    watcher.on('all', () => {
      this.#moment.event();
    });
    const all = [...this.#watchers.keys()];
    await Promise.all(all.slice(0, all.indexOf(watcher)).map((older) => this.#closeOne(older)));
    this.#look();
  }

  /** A watcher that is closed is never ready, so the wait for that ends here. */
  async #closeOne(watcher: FSWatcher): Promise<void> {
    const endWait = this.#watchers.get(watcher);
    this.#watchers.delete(watcher);
    endWait?.();
    await watcher.close();
  }
}

function* foldersAbove(file: string): Generator<string> {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) yield folder;
}

/**
 * The folders to begin with, such that each file is below one of them and none is below another one. They
 * have to exist while `dev` runs, so that a folder between them and a file may come and go.
 */
function rootsOf(files: ReadonlySet<string>): ReadonlySet<string> {
  const folders = [...files].filter((file) => file.endsWith(`${sep}package.json`)).map(dirname);
  for (const file of files) {
    if (folders.some((folder) => isBelow(file, folder))) continue;
    folders.push([...foldersAbove(file)].find((folder) => existsSync(folder)) ?? dirname(file));
  }
  return new Set(folders.filter((folder) => !folders.some((other) => isBelow(folder, other))));
}
