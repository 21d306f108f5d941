// How one of several processes becomes the owner of a folder, and how a successor follows an owner without a
// gap. This file holds the rules alone: the entries are read and written by owner-files, and whether the
// process behind an entry lives is judged by owner-liveness.
//
// A stale lock cannot simply be removed and made anew: of two processes that both find it stale, the slower
// one would remove the new lock of the quicker one. So every process makes an entry of its own, with a
// generation that is one higher than the highest. Making the entry of a generation succeeds for one process
// only. The highest entry is never removed, it is only marked as released. After making its entry a process
// reads the generations again: if there is an even higher one by then, it was too late and withdraws its
// entry.
//
// Two processes may live side by side if both run in the same slot of pm2: the one that serves and its
// successor. Nothing is handed over by message, so nothing can be lost when one of them dies. Both read the
// same entries and follow two rules:
//
// - The eldest process that lives starts PostgreSQL, also again after a crash. Only the end of the eldest
//   makes another process the eldest, and a process that has ended is not in the middle of starting anything.
//   A successor that dies leaves everything as it was.
// - The last process stops PostgreSQL. A process that leaves first marks its entry and then looks for others;
//   a process that comes first makes its entry and then looks for one that leaves. So at least one of the two
//   sees the other: either PostgreSQL is left running, or the newcomer waits until the other process has
//   ended.

/** `leaving`: its process is about to end, and stops what no other process needs. `released`: it has left. */
export type OwnerState = 'serving' | 'leaving' | 'released';

/** The entry of a process that owns the folder, or did. */
export interface Owner {
  /** Process id; 0 when the entry cannot be read. */
  readonly pid: number;
  /** See ProcessIdentity, as for the next two. */
  readonly startTime: string;
  readonly bootId: string;
  readonly pidNamespace: string;
  /** Number of the file system that the folder is on, as the process sees it. */
  readonly device: string;
  /** Number of the folder on its file system: a copy of the folder has another one. */
  readonly inode: string;
  /** Slot of pm2 that the process runs in; null outside pm2. A process in the same slot may take over. */
  readonly slot: string | null;
  /** Number of the entry; grows by one with every process that becomes an owner. */
  readonly generation: number;
  readonly state: OwnerState;
}

/** A process that wants to own the folder. */
export type Claimant = Omit<Owner, 'generation' | 'state'>;

/** Storage of the entries. */
export interface OwnerEntries {
  /** Generations that exist, ascending. */
  generations(): Promise<number[]>;
  /** Undefined when there is no such entry. */
  read(generation: number): Promise<Owner | undefined>;
  /** Makes an entry, which others see whole or not at all; false when its generation exists. */
  create(owner: Owner): Promise<boolean>;
  markLeaving(generation: number): Promise<void>;
  markReleased(generation: number): Promise<void>;
  remove(generation: number): Promise<void>;
}

/** False when the process of an entry has ended; its pid may belong to another process by now. */
export type IsAlive = (owner: Owner) => Promise<boolean>;

/**
 * What this process is beside others in its slot. `eldest`: it alone, or with successors. `successor`: an
 * elder process serves, and starts PostgreSQL. `behind-leaving-elder`: an elder process is leaving and may be
 * stopping PostgreSQL, so nothing may be touched until it has ended.
 */
export type OwnerStatus = 'eldest' | 'successor' | 'behind-leaving-elder';

export interface OwnerLock {
  readonly owner: Owner;
  status(): Promise<OwnerStatus>;
  /** Whether another process of the same slot lives, a predecessor or a successor. */
  isShared(): Promise<boolean>;
  /**
   * Announces that this process is about to end. Call it when nothing here needs PostgreSQL any more.
   * @returns whether this process has to stop PostgreSQL
   * @throws Error when it cannot be seen whether there are others
   */
  leave(): Promise<boolean>;
  /** Gives up the folder. */
  release(): Promise<void>;
  /**
   * The process that owns the folder instead, because it has taken this one for dead; undefined if none does.
   */
  newOwner(): Promise<Owner | undefined>;
}

/**
 * Becomes an owner, unless a process lives that does not permit it.
 * @param entering awaited right before this process makes its entry, which has to be released from then on
 */
export async function acquire(
  entries: OwnerEntries,
  claimant: Claimant,
  isAlive: IsAlive,
  entering: () => Promise<void> = () => Promise.resolve(),
): Promise<OwnerLock | { readonly heldBy: Owner }> {
  for (;;) {
    const seen = await entries.generations();
    const living = await livingOwners(entries, isAlive);
    const refusing = refusedBy(living, claimant);
    if (refusing !== undefined) return { heldBy: refusing };
    const owner = { ...claimant, generation: (seen.at(-1) ?? 0) + 1, state: 'serving' as const };
    await entering();
    if (!(await entries.create(owner))) continue;
    const after = await entries.generations();
    if (after.at(-1) !== owner.generation) {
      await entries.remove(owner.generation);
      continue;
    }
    const alive = new Set(living.map(({ generation }) => generation));
    const stale = seen.filter((generation) => !alive.has(generation));
    await Promise.all(stale.map((generation) => entries.remove(generation)));
    return new HeldLock(entries, isAlive, owner);
  }
}

/**
 * The owner that keeps a claimant out. One predecessor in its slot does not; two are a take-over under way.
 */
function refusedBy(living: readonly Owner[], claimant: Claimant): Owner | undefined {
  const stranger = living.find((owner) => !isSameSlot(owner, claimant));
  return stranger ?? (living.length > 1 ? living.at(-1) : undefined);
}

/**
 * Whether one of the two may take over from the other: same slot, and each can see and signal the other's
 * processes.
 */
function isSameSlot(one: Claimant, other: Claimant): boolean {
  if (one.slot === null || one.slot !== other.slot) return false;
  return one.bootId === other.bootId && one.pidNamespace === other.pidNamespace;
}

/** Owners whose processes live and that have not left, by ascending generation. */
async function livingOwners(entries: OwnerEntries, isAlive: IsAlive): Promise<Owner[]> {
  const all = (await readAll(entries)).filter(({ state }) => state !== 'released');
  const alive = await Promise.all(all.map(isAlive));
  return all.filter((_, at) => alive[at]);
}

async function readAll(entries: OwnerEntries): Promise<Owner[]> {
  const all = await Promise.all((await entries.generations()).map((one) => entries.read(one)));
  return all.filter((owner) => owner !== undefined);
}

class HeldLock implements OwnerLock {
  readonly owner: Owner;
  readonly #entries: OwnerEntries;
  readonly #isAlive: IsAlive;

  constructor(entries: OwnerEntries, isAlive: IsAlive, owner: Owner) {
    this.#entries = entries;
    this.#isAlive = isAlive;
    this.owner = owner;
  }

  async status(): Promise<OwnerStatus> {
    const elders = (await this.#others()).filter(({ generation }) => generation < this.owner.generation);
    if (elders.length === 0) return 'eldest';
    return elders.some(({ state }) => state === 'leaving') ? 'behind-leaving-elder' : 'successor';
  }

  async isShared(): Promise<boolean> {
    return (await this.#others()).length > 0;
  }

  async leave(): Promise<boolean> {
    // A process without a slot of pm2 never shares the folder, so the disk need not be read.
    if (this.owner.slot === null) return true;
    // If the mark cannot be made, as in a folder that was removed, `release` fails too and reports it. This
    // process still has to stop PostgreSQL if it sees no other one.
    const { generation } = this.owner;
    if (await this.#hasEntry().catch(() => false))
      await this.#entries.markLeaving(generation).catch(() => undefined);
    // A process that leaves too does not need PostgreSQL, and has seen that this one does not stay.
    return (await this.#others()).every(({ state }) => state === 'leaving');
  }

  async release(): Promise<void> {
    if (await this.#hasEntry()) await this.#entries.markReleased(this.owner.generation);
  }

  async newOwner(): Promise<Owner | undefined> {
    const { generation } = this.owner;
    const found = await this.#entries.read(generation);
    // If another folder is at the path by now, an entry in it may have the same generation.
    if (found !== undefined && found.pid !== 0) return isSame(found, this.owner) ? undefined : found;
    // The entry was removed or damaged, so a process that claimed the folder meanwhile did not see it.
    const newOwner = (await livingOwners(this.#entries, this.#isAlive)).find(
      (other) => other.pid !== 0 && !isSame(other, this.owner) && !isSameSlot(other, this.owner),
    );
    if (newOwner === undefined) await this.#entries.create(this.owner);
    return newOwner;
  }

  /** Whether the entry of this process is there and readable. */
  async #hasEntry(): Promise<boolean> {
    const found = await this.#entries.read(this.owner.generation);
    return found !== undefined && isSame(found, this.owner);
  }

  /** Other processes of the same slot that live. */
  async #others(): Promise<Owner[]> {
    if (this.owner.slot === null) return [];
    const others = await livingOwners(this.#entries, this.#isAlive);
    return others.filter((other) => !isSame(other, this.owner) && isSameSlot(other, this.owner));
  }
}

const isSame = (one: Owner, other: Owner): boolean =>
  one.generation === other.generation &&
  one.pid === other.pid &&
  one.startTime === other.startTime &&
  one.bootId === other.bootId &&
  one.pidNamespace === other.pidNamespace;
