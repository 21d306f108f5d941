// Finds the files of a project again and again, as `dev` does after every event of the file system.
import { dirname } from 'node:path';
import { type KnownContents, Look, type ProjectFiles } from './project-files.js';

/** The most files that are searched and watched; those beyond are not noticed, which is reported. */
const MOST_FILES = 5_000;

export interface ProjectSearchOptions {
  /** The configuration file; undefined for the reference shop. */
  readonly config: string | undefined;
  /** The folder of the command, whose `.env` files count. */
  readonly cwd: string;
  /** Prints a line. */
  readonly report: (line: string) => void;
  /** @default 5,000 files */
  readonly mostFiles?: number;
}

/** Finds the files again and again. What is known of a file is kept until it changes. */
export class ProjectSearch {
  readonly #options: ProjectSearchOptions;
  #known: KnownContents = new Map();
  #isReported = false;

  constructor(options: ProjectSearchOptions) {
    this.#options = options;
  }

  /** @returns the files as they are now */
  look(): ProjectFiles {
    const { config, cwd, report, mostFiles = MOST_FILES } = this.#options;
    const look = new Look(this.#known, mostFiles);
    if (config !== undefined) look.add(config);
    for (const folder of new Set([config === undefined ? cwd : dirname(config), cwd]))
      look.addSettingsOf(folder);
    const files = look.run();
    this.#known = look.contents;
    if (look.omitted !== undefined && !this.#isReported) {
      this.#isReported = true;
      report(
        `the project has more than ${mostFiles} files; changes of the others are not noticed, ` +
          `such as those of ${look.omitted}: restart dev after them`,
      );
    }
    return files;
  }
}
