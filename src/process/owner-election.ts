// How one of several starters becomes the owner, and how an owner is succeeded without a gap.
//
// A lock that is stale cannot simply be removed and made anew: of two starters that both find it stale, the
// slower one would remove the lock of the quicker. So every process gets an entry of its own, one generation
// higher; the highest is never removed, only marked as released. Whoever wants in makes the next one, which
// succeeds for one of several. It then looks again: if somebody was even further, it was late and withdraws.
//
// Two processes may live side by side when both are the same slot of a process manager: the one that serves
// and its successor. Nothing is handed over by message, so nothing can be lost when one of them dies. Both
// read the same entries and two rules:
//
// - The eldest that lives starts PostgreSQL, also after a crash. Only its end makes another one the eldest,
//   and what has ended is not in the middle of starting anything. A successor that dies leaves everything as
//   it was.
// - The last one stops it. Who leaves says so first and looks for others afterwards; who comes makes its
//   entry first and looks for one that leaves afterwards. So at least one of the two sees the other: either
//   PostgreSQL is left running, or the newcomer waits until the other has ended.

/** `leaving`: it is about to end, and stops what it is the last to need. `released`: it has left in order. */
export type OwnerState = 'serving' | 'leaving' | 'released';

export interface Owner {
  /** 0: the entry cannot be read. */
  readonly pid: number;
  /** See process-identity, as the next two. */
  readonly startTime: string;
  readonly bootId: string;
  readonly pidNamespace: string;
  /** Number of the file system that the folder is on, as the process sees it. */
  readonly device: string;
  /** Number of the folder on it: a copy has another one. */
  readonly inode: string;
  /** Names one slot of one daemon of pm2, null outside pm2; a successor in the same slot may take over. */
  readonly slot: string | null;
  /** Grows by one with every process that was let in. */
  readonly generation: number;
  readonly state: OwnerState;
}

/** Who wants in. */
export type Claimant = Omit<Owner, 'generation' | 'state'>;

/** Where the entries lie. */
export interface OwnerEntries {
  /** Ascending. */
  generations(): Promise<number[]>;
  /** Undefined when there is none. */
  read(generation: number): Promise<Owner | undefined>;
  /** Seen whole or not at all; false when that generation exists. */
  create(owner: Owner): Promise<boolean>;
  markLeaving(generation: number): Promise<void>;
  markReleased(generation: number): Promise<void>;
  remove(generation: number): Promise<void>;
}

/** False when the recorded process has ended, or its pid is another's by now. */
export type IsAlive = (owner: Owner) => Promise<boolean>;

/**
 * `eldest`: nobody else is there, or only successors. `successor`: an elder serves; it starts PostgreSQL.
 * `behind-leaver`: an elder is leaving and may be stopping PostgreSQL; nothing is to be touched until it has
 * ended.
 */
export type OwnerStatus = 'eldest' | 'successor' | 'behind-leaving-elder';

export interface OwnerLock {
  readonly owner: Owner;
  status(): Promise<OwnerStatus>;
  /** Somebody of the same slot lives beside us, be it predecessor or successor. */
  isShared(): Promise<boolean>;
  /**
   * To be called when nothing of ours needs PostgreSQL any more.
   * @returns whether it is ours to stop
   * @throws what keeps us from seeing others
   */
  leave(): Promise<boolean>;
  release(): Promise<void>;
  /** Another process has taken us for dead and owns what was ours: who. */
  newOwner(): Promise<Owner | undefined>;
}

/** @param entering awaited before an entry of ours is made, which is to be released from then on */
export async function acquire(
  entries: OwnerEntries,
  claimant: Claimant,
  isAlive: IsAlive,
  entering: () => Promise<void> = () => Promise.resolve(),
): Promise<OwnerLock | { readonly heldBy: Owner }> {
  for (;;) {
    const seen = await entries.generations();
    const held = await living(entries, isAlive);
    const refusing = refusal(held, claimant);
    if (refusing !== undefined) return { heldBy: refusing };
    const owner = { ...claimant, generation: (seen.at(-1) ?? 0) + 1, state: 'serving' as const };
    await entering();
    if (!(await entries.create(owner))) continue;
    const after = await entries.generations();
    if (after.at(-1) !== owner.generation) {
      await entries.remove(owner.generation);
      continue;
    }
    const alive = new Set(held.map(({ generation }) => generation));
    const stale = seen.filter((generation) => !alive.has(generation));
    await Promise.all(stale.map((generation) => entries.remove(generation)));
    return new HeldLock(entries, isAlive, owner);
  }
}

/** One predecessor of the same slot may live; two are a take-over that is under way already. */
function refusal(held: readonly Owner[], claimant: Claimant): Owner | undefined {
  return held.find((owner) => !isSameSlot(owner, claimant)) ?? (held.length > 1 ? held.at(-1) : undefined);
}

/** Only one whose processes are seen and signalled from here can be taken over from, or to. */
function isSameSlot(one: Claimant, other: Claimant): boolean {
  if (one.slot === null || one.slot !== other.slot) return false;
  return one.bootId === other.bootId && one.pidNamespace === other.pidNamespace;
}

/** Ascending. */
async function living(entries: OwnerEntries, isAlive: IsAlive): Promise<Owner[]> {
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
    // Without a slot nobody can be beside us, which is known without the disk.
    if (this.owner.slot === null) return true;
    // Where this fails, as in a folder that was removed, `release` fails as well and says so. PostgreSQL is
    // ours to stop all the same if nobody else is seen.
    const { generation } = this.owner;
    if (await this.#isMine().catch(() => false))
      await this.#entries.markLeaving(generation).catch(() => undefined);
    // One that leaves too has no need of it, and has seen that we do not stay.
    return (await this.#others()).every(({ state }) => state === 'leaving');
  }

  async release(): Promise<void> {
    if (await this.#isMine()) await this.#entries.markReleased(this.owner.generation);
  }

  async newOwner(): Promise<Owner | undefined> {
    const { generation } = this.owner;
    const found = await this.#entries.read(generation);
    // In a folder that has taken the place of ours it may have the same number.
    if (found !== undefined && found.pid !== 0) return isSame(found, this.owner) ? undefined : found;
    // The entry was removed or damaged, so a process that claimed the folder meanwhile did not see it.
    const by = (await living(this.#entries, this.#isAlive)).find(
      (other) => other.pid !== 0 && !isSame(other, this.owner) && !isSameSlot(other, this.owner),
    );
    if (by === undefined) await this.#entries.create(this.owner);
    return by;
  }

  async #isMine(): Promise<boolean> {
    const found = await this.#entries.read(this.owner.generation);
    return found !== undefined && isSame(found, this.owner);
  }

  async #others(): Promise<Owner[]> {
    if (this.owner.slot === null) return [];
    const others = await living(this.#entries, this.#isAlive);
    return others.filter((other) => !isSame(other, this.owner) && isSameSlot(other, this.owner));
  }
}

const isSame = (one: Owner, other: Owner): boolean =>
  one.generation === other.generation &&
  one.pid === other.pid &&
  one.startTime === other.startTime &&
  one.bootId === other.bootId &&
  one.pidNamespace === other.pidNamespace;
