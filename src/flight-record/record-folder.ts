// The folder of the flight record, `flight` in DATA_DIR, and its files:
//
//   new-<time>-<pid>-<random>.bin      a file that a process is making
//   flight-<time>-<pid>-<random>.bin   the record of a process that runs, or was killed
//   claim-<time>-<pid>-<random>-by-<claimant>.bin
//                                      the record of a process that was killed, which the claimant reports
//   ended-<time>-<pid>-<random>.bin    the record of a process that was killed, after it was reported
//
// Several processes may use the folder at a time: two under pm2 during a take-over, and any number whose
// databases are on other servers. So each process writes a file of its own name. Renaming a file claims it:
// of two processes that find it, one reports it. A claimant that dies before the report is in its log is
// succeeded by another one, so a request may be reported twice and is not lost.
//
// What is found in the folder may come from anywhere. Nothing but a regular file is opened, no link is
// followed, and no more than the length of a file is read.
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, type FileHandle, lstat, mkdir, open, opendir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ifExists } from '../process/if-exists.js';
import { makeFolder } from '../process/make-folder.js';
import { CLAIMANT } from './claimant.js';
import { FILE_BYTES } from './frames.js';

const ID = '\\d{8}T\\d{6}Z-\\d{1,10}-[0-9a-f]{8}';
const NAME = new RegExp(`^(?:(new|flight|ended)-(${ID})|(claim)-(${ID})-by-(${CLAIMANT}))\\.bin$`);

/** Entries of the folder that are looked at, so that a folder full of other files costs little. */
const MOST_ENTRIES = 1_000;

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = constants;

export interface RecordName {
  readonly name: string;
  /** What the files of a record have in common: time, pid and random digits. */
  readonly id: string;
  readonly kind: 'new' | 'flight' | 'claim' | 'ended';
  /** The process that reports a file of the kind `claim`, as `claimantOf` names it. */
  readonly claimant: string | undefined;
}

export class RecordFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /**
   * Makes the folder, or takes the one that is there, and makes it accessible to its owner only.
   * @param dataDir absolute
   * @throws Error when it cannot be made, or something else is in its place
   */
  static async open(dataDir: string): Promise<RecordFolder> {
    const path = join(dataDir, 'flight');
    await makeFolder(dataDir);
    await mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    const found = await lstat(path);
    if (!found.isDirectory()) throw new Error(`${path} is not a folder: remove it`);
    if ((found.mode & 0o777) !== 0o700) await chmod(path, 0o700);
    return new RecordFolder(path);
  }

  /**
   * Makes the file of this process. No other process finds it by this name before its first bytes are in it.
   * @throws Error as open(2), write(2) and rename(2) do
   */
  async create(
    pid: number,
    now: Date,
    first: Uint8Array,
  ): Promise<{ readonly name: string; readonly file: FileHandle }> {
    const time = now.toISOString().replace(/[-:]|\.\d+/g, '');
    const id = `${time}-${pid}-${randomBytes(4).toString('hex')}`;
    const [made, name] = [`new-${id}.bin`, `flight-${id}.bin`];
    const file = await open(join(this.path, made), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      await file.writeFile(first);
      await rename(join(this.path, made), join(this.path, name));
      return { name, file };
    } catch (error) {
      // This error is what matters; a file that cannot be removed is found later.
      await Promise.allSettled([file.close(), this.remove(made)]);
      throw error;
    }
  }

  /** Whether this file is at its path. It may have been removed. */
  async has(name: string, file: FileHandle): Promise<boolean> {
    const [atPath, open] = await Promise.all([ifExists(lstat(join(this.path, name))), file.stat()]);
    return atPath?.ino === open.ino && atPath.dev === open.dev;
  }

  /** All files of the record, the newest first. */
  async files(): Promise<readonly RecordName[]> {
    const found: RecordName[] = [];
    let entries = 0;
    for await (const { name } of await opendir(this.path)) {
      const record = recordName(name);
      if (record !== undefined) found.push(record);
      if (++entries === MOST_ENTRIES) break;
    }
    return found.sort((a, b) => (a.id < b.id ? 1 : -1));
  }

  /**
   * Reads a file, or its first bytes.
   * @returns undefined when it is gone
   * @throws Error when it is not a regular file of the right length, or cannot be read
   */
  async read(name: string, atMost = FILE_BYTES): Promise<Buffer | undefined> {
    const path = join(this.path, name);
    const file = await ifExists(open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    if (file === undefined) return undefined;
    try {
      const found = await file.stat();
      if (!found.isFile() || found.size > FILE_BYTES) throw new Error(`${path} is not a flight record`);
      const bytes = Buffer.alloc(Math.min(found.size, atMost));
      const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
      return bytes.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }

  /**
   * Claims a file that is to be reported, also from a claimant that has ended. Of all calls for one file, in
   * any process, one succeeds.
   * @param claimant as `claimantOf` names this process
   * @returns undefined when another process has claimed it
   */
  async claim({ name, id }: RecordName, claimant: string): Promise<RecordName | undefined> {
    const claimed: RecordName = { name: `claim-${id}-by-${claimant}.bin`, id, kind: 'claim', claimant };
    return (await this.#rename(name, claimed.name)) ? claimed : undefined;
  }

  /** Marks a claimed file as reported, unless another process has taken it over meanwhile. */
  async settle({ name, id }: RecordName): Promise<void> {
    await this.#rename(name, `ended-${id}.bin`);
  }

  /** @returns false when there is no such file */
  async #rename(from: string, to: string): Promise<boolean> {
    const renamed = rename(join(this.path, from), join(this.path, to)).then(() => true);
    return (await ifExists(renamed)) ?? false;
  }

  /** Removes a file; one that is gone is no error. A folder in its place is not ours and stays. */
  async remove(name: string): Promise<void> {
    const removed = unlink(join(this.path, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EISDIR' && error.code !== 'EPERM') throw error;
    });
    await ifExists(removed);
  }
}

/** @returns undefined for a file that is not of the record */
function recordName(name: string): RecordName | undefined {
  const [, plain, plainId, claim, claimedId, claimant] = NAME.exec(name) ?? [];
  const id = plainId ?? claimedId;
  if (id === undefined) return undefined;
  return { name, id, kind: (plain ?? claim) as RecordName['kind'], claimant };
}
