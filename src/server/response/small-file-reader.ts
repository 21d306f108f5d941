// Reads small files whole, and keeps their contents in memory where a version can be trusted to name one
// content.
import { type FileHandle, statfs } from 'node:fs/promises';
import type { FileContents, SmallFile } from './file-contents.js';
import { type FoundFile, openFound } from './file-path.js';
import { PIECE_BYTES } from './file-pieces.js';
import { isSettled, versionOf } from './file-version.js';

/**
 * The file systems whose time stamps are those of this machine and change with every change. A network file
 * system may show an old version until the file is opened, and an image may hold any time stamps.
 */
const LOCAL: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // XFS
  0x9123683e, // Btrfs
  0x01021994, // tmpfs
  0x794c7630, // overlayfs
  0xf2f52010, // F2FS
  0x2fc12fc1, // ZFS
]);

export class SmallFileReader {
  readonly #contents: FileContents;
  readonly #now: () => number;
  readonly #isLocal: (path: string) => Promise<boolean>;

  /**
   * @param now the wall clock, in milliseconds
   * @param isLocal whether the time stamps of a file change with each of its changes
   */
  constructor(contents: FileContents, now: () => number = Date.now, isLocal = isOnLocalFileSystem) {
    this.#contents = contents;
    this.#now = now;
    this.#isLocal = isLocal;
  }

  /**
   * @param found what a look has just found
   * @returns `large` for a file that has to be read in pieces, undefined for one that may not be read or is
   *   gone
   * @throws OutOfFilesError, and Error when the file cannot be read for another reason
   */
  async read({ real, stats }: FoundFile): Promise<SmallFile | 'large' | undefined> {
    const kept = this.#contents.find(real, stats);
    if (kept !== undefined) return kept;
    if (Number(stats.size) > PIECE_BYTES) return 'large';
    const at = this.#now();
    const file = await openFound(real);
    if (file === undefined) return undefined;
    try {
      const version = versionOf(file.stats);
      if (version.size > PIECE_BYTES) return 'large';
      const small = { version, bytes: await readWhole(file.handle, version.size) };
      // What changes after the file was opened gets another version, if the file has settled before.
      if (isSettled(file.stats, at) && (await this.#isLocal(real))) this.#contents.keep(real, small);
      return small;
    } finally {
      await file.handle.close();
    }
  }
}

async function readWhole(handle: FileHandle, size: number): Promise<Uint8Array> {
  // A part of the pool of Buffer would keep the memory of its neighbours.
  const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafeSlow(size), 0, size, 0);
  if (bytesRead !== size) throw new Error('a file became shorter while it was read');
  return buffer;
}

async function isOnLocalFileSystem(path: string): Promise<boolean> {
  try {
    return LOCAL.has((await statfs(path)).type);
  } catch {
    return false; // it is gone
  }
}
