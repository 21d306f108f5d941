// The owner lock's entries as files. Generation 7 is `owner-7.json`, which says who it is and never changes;
// `owner-7.leaving` and then `owner-7.released` are second names of it (hard links), so that saying either
// needs neither space on the disk nor a file descriptor. `owner-7.sock` and `owner-7.beat` show that it lives
// (owner-presence).
//
// link(2) makes an entry appear whole, for one of several.
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, link, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Claimant, Owner, OwnerEntries, OwnerState } from './owner-election.js';

/** A socket without an entry belongs to one whose entry somebody has removed. */
const ENTRY = /^owner-(\d{1,9})\.(?:json|sock)$/;
/** What a process that was killed while it came has left. */
const DRAFT = /^\.owner-/;

export type OwnerFile = 'json' | 'leaving' | 'released' | 'sock' | 'beat';

export const ownerFile = (generation: number, kind: OwnerFile): string => `owner-${generation}.${kind}`;

/**
 * Only a regular file is read: the opening of a FIFO would wait for a process that writes into it.
 * @throws Error when something else has its name
 */
export async function readOwnerFile(path: string): Promise<string> {
  if (!(await stat(path)).isFile()) throw new Error(`${path} is not a regular file: remove it`);
  // Not even when it has become a FIFO since.
  return readFile(path, { encoding: 'utf8', flag: constants.O_RDONLY | constants.O_NONBLOCK });
}

export class OwnerFiles implements OwnerEntries {
  readonly #folder: string;
  readonly #appear: (generation: number) => Promise<void>;

  /** @param appear shows that this process lives, as soon as it has an entry */
  constructor(folder: string, appear: (generation: number) => Promise<void>) {
    this.#folder = folder;
    this.#appear = appear;
  }

  async generations(): Promise<number[]> {
    const generations = (await readdir(this.#folder)).flatMap((name) => ENTRY.exec(name)?.[1] ?? []);
    return [...new Set(generations.map(Number))].sort((a, b) => a - b);
  }

  async read(generation: number): Promise<Owner | undefined> {
    const found = await this.#claimant(generation);
    return found && { ...found, generation, state: await this.#stateOf(generation) };
  }

  async #claimant(generation: number): Promise<Claimant | undefined> {
    try {
      return parse(await readOwnerFile(this.#path(generation, 'json'))) ?? UNKNOWN;
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
      return (await this.#has(generation, 'sock')) ? UNKNOWN : undefined; // else removed by a newer owner
    }
  }

  async create(owner: Owner): Promise<boolean> {
    const draft = join(this.#folder, `.owner-${randomUUID()}`);
    try {
      await writeFile(draft, `${JSON.stringify({ ...owner, state: undefined })}\n`, {
        mode: 0o600,
        flush: true,
      });
      await link(draft, this.#path(owner.generation, 'json'));
    } catch (error) {
      // One that got in meanwhile takes the drafts of others for left over.
      if (hasCode(error, 'EEXIST') || hasCode(error, 'ENOENT')) return false;
      throw error;
    } finally {
      await rm(draft, { force: true });
    }
    await this.#appear(owner.generation);
    return true;
  }

  async markLeaving(generation: number): Promise<void> {
    await link(this.#path(generation, 'json'), this.#path(generation, 'leaving'));
  }

  async markReleased(generation: number): Promise<void> {
    const released = this.#path(generation, 'released');
    try {
      await rename(this.#path(generation, 'leaving'), released);
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
      await link(this.#path(generation, 'json'), released);
    }
    await Promise.all(
      (['sock', 'beat'] as const).map((kind) => rm(this.#path(generation, kind), { force: true })),
    );
  }

  async remove(generation: number): Promise<void> {
    // The entry last: a socket without one is taken for one that lives.
    for (const kind of ['sock', 'beat', 'leaving', 'released', 'json'] as const)
      await rm(this.#path(generation, kind), { force: true });
  }

  /** Removes what others have left who never got in. One that is about to comes again. */
  async removeDrafts(): Promise<void> {
    const drafts = (await readdir(this.#folder)).filter((name) => DRAFT.test(name));
    await Promise.all(drafts.map((name) => rm(join(this.#folder, name), { force: true })));
  }

  /** In this order: it may be released between the two questions. */
  async #stateOf(generation: number): Promise<OwnerState> {
    if (await this.#has(generation, 'leaving')) return 'leaving';
    return (await this.#has(generation, 'released')) ? 'released' : 'serving';
  }

  async #has(generation: number, kind: OwnerFile): Promise<boolean> {
    try {
      await access(this.#path(generation, kind));
      return true;
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return false;
      throw error;
    }
  }

  #path(generation: number, kind: OwnerFile): string {
    return join(this.#folder, ownerFile(generation, kind));
  }
}

const hasCode = (error: unknown, code: string): boolean => (error as NodeJS.ErrnoException).code === code;

/** Of a damaged entry: whether its process lives is asked by all other means. */
const UNKNOWN: Claimant = {
  pid: 0,
  startTime: '?',
  bootId: '?',
  pidNamespace: '?',
  device: '?',
  inode: '?',
  slot: null,
};

function parse(text: string): Claimant | undefined {
  try {
    const { pid, startTime, bootId, pidNamespace, device, inode, slot } = JSON.parse(text) as Claimant;
    const isWhole =
      Number.isSafeInteger(pid) &&
      [startTime, bootId, pidNamespace, device, inode].every((value) => typeof value === 'string') &&
      (slot === null || typeof slot === 'string');
    return isWhole ? { pid, startTime, bootId, pidNamespace, device, inode, slot } : undefined;
  } catch {
    return undefined;
  }
}
