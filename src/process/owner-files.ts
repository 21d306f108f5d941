// The entries of the owner lock as files in the folder that is owned. For the entry of generation 7:
//
//   owner-7.json       who the owner is; never changes
//   owner-7.leaving    a second name (hard link) of owner-7.json: the process is about to end
//   owner-7.released   likewise: the process has left
//   owner-7.sock       the owner's socket, see owner-presence
//   owner-7.beat       the owner's heartbeat, see owner-presence
//
// States are hard links because making one needs neither space on the disk nor a file descriptor, so that a
// process can leave in order even when both have run out. The entry is made by link(2) too: it appears as a
// whole or not at all, and for one of several processes that want the same generation.
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, link, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Claimant, Owner, OwnerEntries, OwnerState } from './owner-election.js';

/** A socket without an entry counts: it belongs to a process whose entry was removed by someone. */
const ENTRY = /^owner-(\d{1,9})\.(?:json|sock)$/;
/** Files that are not complete yet, or were left by a process that was killed meanwhile, begin with this. */
export const DRAFT_PREFIX = '.owner-';

export type OwnerFile = 'json' | 'leaving' | 'released' | 'sock' | 'beat';

export const ownerFile = (generation: number, kind: OwnerFile): string => `owner-${generation}.${kind}`;

/**
 * Reads a regular file and nothing else: opening a FIFO would wait for a process that writes into it.
 * @throws Error without a `code` when the path is not a regular file
 */
export async function readOwnerFile(path: string): Promise<string> {
  if (!(await stat(path)).isFile()) throw new Error(`${path} is not a regular file: remove it`);
  // O_NONBLOCK: it may have become a FIFO since.
  return readFile(path, { encoding: 'utf8', flag: constants.O_RDONLY | constants.O_NONBLOCK });
}

export class OwnerFiles implements OwnerEntries {
  readonly #folder: string;
  readonly #showPresence: (generation: number) => Promise<void>;

  /** @param showPresence called as soon as this process has an entry, to show that it lives */
  constructor(folder: string, showPresence: (generation: number) => Promise<void>) {
    this.#folder = folder;
    this.#showPresence = showPresence;
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
      // Without a socket the entry was removed by a newer owner.
      return (await this.#has(generation, 'sock')) ? UNKNOWN : undefined;
    }
  }

  async create(owner: Owner): Promise<boolean> {
    const draft = join(this.#folder, `${DRAFT_PREFIX}${randomUUID()}`);
    try {
      await writeFile(draft, `${JSON.stringify({ ...owner, state: undefined })}\n`, {
        mode: 0o600,
        flush: true,
      });
      await link(draft, this.#path(owner.generation, 'json'));
    } catch (error) {
      // ENOENT: a process that has become the owner meanwhile has removed this draft as a left-over.
      if (hasCode(error, 'EEXIST') || hasCode(error, 'ENOENT')) return false;
      throw error;
    } finally {
      await rm(draft, { force: true });
    }
    await this.#showPresence(owner.generation);
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
    // The entry goes last: a socket without an entry would count as that of a living process.
    for (const kind of ['sock', 'beat', 'leaving', 'released', 'json'] as const)
      await rm(this.#path(generation, kind), { force: true });
  }

  /**
   * Removes the drafts of processes that did not become owners. A process that is still making its entry
   * notices that its draft is gone, and tries again.
   */
  async removeDrafts(): Promise<void> {
    const drafts = (await readdir(this.#folder)).filter((name) => name.startsWith(DRAFT_PREFIX));
    await Promise.all(drafts.map((name) => rm(join(this.#folder, name), { force: true })));
  }

  /** Looks in this order, because the entry may be released between the two looks. */
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

/** Stands for the owner of a damaged entry: nothing is known of its process, which may live. */
const UNKNOWN: Claimant = {
  pid: 0,
  startTime: '?',
  bootId: '?',
  pidNamespace: '?',
  device: '?',
  inode: '?',
  slot: null,
};

/** Undefined when the text is damaged. */
function parse(text: string): Claimant | undefined {
  try {
    const { pid, startTime, bootId, pidNamespace, device, inode, slot } = JSON.parse(text) as Claimant;
    const isComplete =
      Number.isSafeInteger(pid) &&
      [startTime, bootId, pidNamespace, device, inode].every((value) => typeof value === 'string') &&
      (slot === null || typeof slot === 'string');
    return isComplete ? { pid, startTime, bootId, pidNamespace, device, inode, slot } : undefined;
  } catch {
    return undefined;
  }
}
