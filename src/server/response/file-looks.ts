// Looks at files for the requests of a thread. A look resolves all links, checks that the file is below its
// root, and reads its version; the content of a small file is read unless this version of it is in memory.
//
// Requests for one file share a look that begins after all of them have arrived. So each response shows the
// file as it was at a moment after its request, as if every request had looked for itself, and the more
// requests there are, the less a look costs each of them.
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { leaveScope } from '../../scope.js';
import { FileContents, type SmallFile } from './file-contents.js';
import { type FoundFile, findBelow, isPlain } from './file-path.js';
import { FileTypes } from './file-types.js';
import { SmallFileReader } from './small-file-reader.js';

/** A file that a look has found. */
export interface SeenFile extends FoundFile {
  /** The media type by its requested name. */
  readonly type: string;
  /** Undefined for a file that is too large to be read at once. */
  readonly small: SmallFile | undefined;
}

/** A look that has not begun, and the promise that its requests wait for. */
interface Look {
  readonly root: string;
  readonly path: string;
  readonly seen: Promise<SeenFile | undefined>;
  readonly answer: (seen: Promise<SeenFile | undefined>) => void;
}

/**
 * Requests do not wait any more for a look that has run for longer than this, in milliseconds. Its disk does
 * not respond, or the code that ends it was dropped when a handler was interrupted.
 */
const LOST_MS = 5000;

export class FileLooks {
  /** The contents in memory. */
  readonly contents = new FileContents();
  readonly #baseDir: string;
  readonly #types = new FileTypes();
  readonly #reader: SmallFileReader;
  /** By root and path. */
  readonly #waiting = new Map<string, Look>();
  /** When looks have begun that have not ended, by root and path. */
  readonly #running = new Map<string, number>();
  #isScheduled = false;
  #watching: NodeJS.Timeout | undefined;
  #begun = 0;

  /**
   * @param baseDir the folder that roots are relative to
   * @param now the wall clock, in milliseconds
   */
  constructor(baseDir: string, now?: () => number) {
    this.#baseDir = baseDir;
    this.#reader = new SmallFileReader(this.contents, now);
  }

  /** The number of looks that have begun. */
  get begun(): number {
    return this.#begun;
  }

  /**
   * @returns undefined when the path names no file, a hidden one, or one outside of the root
   * @throws Error when the root does not exist, or the file cannot be read for a reason in this process
   * @throws OutOfFilesError
   */
  look(root: string, path: string): Promise<SeenFile | undefined> {
    if (!isPlain(path)) return NOTHING;
    const key = `${root}\0${path}`;
    let look = this.#waiting.get(key);
    if (look === undefined) {
      look = lookOf(root, path);
      this.#waiting.set(key, look);
    }
    // A look at this file that runs has begun before this request, so the next one begins when it ends.
    if (!this.#isRunning(key)) this.#schedule();
    else this.#watch();
    return look.seen;
  }

  #isRunning(key: string): boolean {
    const since = this.#running.get(key);
    return since !== undefined && performance.now() - since < LOST_MS;
  }

  /** Lets looks begin behind those that are lost by then. */
  #watch(): void {
    if (this.#watching !== undefined) return;
    this.#watching = setTimeout(() => {
      this.#watching = undefined;
      if (this.#waiting.size === 0) return;
      this.#schedule();
      this.#watch();
    }, LOST_MS).unref();
  }

  /** Lets looks begin at the end of the turn, so that all requests that arrive in it share them. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      // A look is no work of the one request that has scheduled it.
      leaveScope();
      this.#begin();
    });
  }

  #begin(): void {
    const roots = new Map<string, Promise<string>>();
    const realRoot = (root: string): Promise<string> => {
      const known = roots.get(root) ?? realpath(root);
      roots.set(root, known);
      return known;
    };
    for (const [key, look] of this.#waiting) {
      if (this.#isRunning(key)) continue;
      this.#waiting.delete(key);
      this.#begun += 1;
      look.answer(this.#run(key, look, realRoot));
    }
  }

  async #run(
    key: string,
    { root, path }: Look,
    realRoot: (root: string) => Promise<string>,
  ): Promise<SeenFile | undefined> {
    const begun = performance.now();
    this.#running.set(key, begun);
    try {
      const base = resolve(this.#baseDir, root);
      let found = await findBelow(base, realRoot, path);
      if (found === undefined) return undefined;
      let small = await this.#reader.read(found);
      if (small === undefined) {
        // It has become a link since it was found, or is gone.
        found = await findBelow(base, realpath, path);
        small = found === undefined ? undefined : await this.#reader.read(found);
      }
      if (found === undefined || small === undefined) return undefined;
      const type = await this.#types.of(path);
      return { ...found, type, small: small === 'large' ? undefined : small };
    } finally {
      if (this.#running.get(key) === begun) this.#running.delete(key);
      if (this.#waiting.has(key)) this.#schedule();
    }
  }
}

const NOTHING: Promise<undefined> = Promise.resolve(undefined);

function lookOf(root: string, path: string): Look {
  let answer: Look['answer'] = () => {};
  const seen = new Promise<SeenFile | undefined>((settle) => {
    answer = settle;
  });
  return { root, path, seen, answer };
}
