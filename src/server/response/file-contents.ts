// The contents of small files that this thread keeps in memory. A content is only found by what a look at the
// file has just seen (file-looks.ts), so a file that has changed is never found.
import type { BigIntStats } from 'node:fs';
import { type FileVersion, isSameVersion } from './file-version.js';

/** A whole file in memory. */
export interface SmallFile {
  readonly version: FileVersion;
  /** Shared by requests: only to be read. */
  readonly bytes: Uint8Array;
}

/** Largest number of bytes that a thread keeps, the records around the contents included. */
const MOST_BYTES = 4 * 1024 * 1024;

/** What a content costs beside its bytes and its path: two objects, the numbers of its version, its place. */
const RECORD_BYTES = 1024;

export class FileContents {
  /** By real path, the least recently used first. */
  readonly #kept = new Map<string, SmallFile>();
  #bytes = 0;

  /** Bytes that are kept now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param stats what the file is now; a content of another version is dropped */
  find(path: string, stats: BigIntStats): SmallFile | undefined {
    const file = this.#kept.get(path);
    if (file === undefined) return undefined;
    if (!isSameVersion(file.version.stats, stats)) {
      this.drop(path);
      return undefined;
    }
    this.#kept.delete(path);
    this.#kept.set(path, file);
    return file;
  }

  /** Keeps a content and drops the least recently used ones that have no place beside it. */
  keep(path: string, file: SmallFile): void {
    this.drop(path);
    this.#kept.set(path, file);
    this.#bytes += costOf(path, file);
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= MOST_BYTES) return;
      this.drop(oldest);
    }
  }

  drop(path: string): void {
    const file = this.#kept.get(path);
    if (file === undefined) return;
    this.#kept.delete(path);
    this.#bytes -= costOf(path, file);
  }
}

const costOf = (path: string, { bytes }: SmallFile): number => bytes.length + path.length * 2 + RECORD_BYTES;
