// How one of several starters becomes the owner, and how an owner is succeeded without a gap.
//
// A lock that is stale cannot simply be removed and made anew: of two starters that both find it stale, the
// slower one would remove the lock of the quicker. So every process gets an entry of its own, one generation
// higher; the highest is never removed, only marked as released. Whoever wants in makes the next one, which
// succeeds for one of several. It then looks again: if somebody was even further, it was late and withdraws.
//
// Two processes may live side by side when both are the same slot of a process manager: the one that serves and
// its successor. Nothing is handed over by message, so nothing can be lost when one of them dies. Both read the
// same entries and two rules:
//
// - The eldest that lives starts PostgreSQL, also after a crash. Only its end makes another one the eldest, and
//   what has ended is not in the middle of starting anything. A successor that dies leaves everything as it was.
// - The last one stops it. Who leaves says so first and looks for others afterwards; who comes makes its entry
//   first and looks for one that leaves afterwards. So at least one of the two sees the other: either PostgreSQL
//   is left running, or the newcomer waits until the other has ended.

export interface Owner {
  readonly pid: number;
  /** See process-identity. */
  readonly startTime: string;
  readonly bootId: string;
  /** The process slot of pm2, null outside it; a successor in the same slot may take over. */
  readonly pmId: string | null;
  /** Grows by one with every process that was let in. */
  readonly generation: number;
  /** Set by one that is about to end and stops what it is the last to need. */
  readonly leaving?: boolean;
  /** Set when it has left in order. */
  readonly released: boolean;
}

/** Who wants in. */
export type Claimant = Pick<Owner, 'pid' | 'startTime' | 'bootId' | 'pmId'>;

/** Where the entries lie. */
export interface OwnerEntries {
  /** Ascending. */
  generations(): Promise<number[]>;
  /** Undefined when there is none, or none that can be understood. */
  read(generation: number): Promise<Owner | undefined>;
  /** Seen whole or not at all; false when that generation exists. */
  create(owner: Owner): Promise<boolean>;
  replace(owner: Owner): Promise<void>;
  remove(generation: number): Promise<void>;
}

/** False when the recorded process has ended, its pid is another's by now, or the machine was restarted. */
export type IsAlive = (owner: Claimant) => boolean;

/**
 * `eldest`: nobody else is there, or only successors. `successor`: an elder serves; it starts PostgreSQL.
 * `behind-leaver`: an elder is leaving and may be stopping PostgreSQL; nothing is to be touched until it has ended.
 */
export type Standing = 'eldest' | 'successor' | 'behind-leaver';

export interface OwnerLock {
  readonly owner: Owner;
  standing(): Promise<Standing>;
  /** Somebody of the same slot lives beside us, be it predecessor or successor. */
  isShared(): Promise<boolean>;
  /** To be called when nothing of ours needs PostgreSQL any more. @returns whether it is ours to stop */
  leave(): Promise<boolean>;
  release(): Promise<void>;
}

export async function acquire(
  entries: OwnerEntries,
  claimant: Claimant,
  isAlive: IsAlive,
): Promise<OwnerLock | { readonly heldBy: Owner }> {
  for (;;) {
    const seen = await entries.generations();
    const held = await living(entries, isAlive);
    const refusing = refusal(held, claimant.pmId);
    if (refusing !== undefined) return { heldBy: refusing };
    const owner = { ...claimant, generation: (seen.at(-1) ?? 0) + 1, released: false };
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
function refusal(held: readonly Owner[], pmId: string | null): Owner | undefined {
  const stranger = held.find((owner) => pmId === null || owner.pmId !== pmId);
  return stranger ?? (held.length > 1 ? held.at(-1) : undefined);
}

/** Ascending. */
async function living(entries: OwnerEntries, isAlive: IsAlive): Promise<Owner[]> {
  const all = await Promise.all((await entries.generations()).map((one) => entries.read(one)));
  return all.filter((owner) => owner !== undefined).filter((owner) => !owner.released && isAlive(owner));
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

  async standing(): Promise<Standing> {
    const elders = (await this.#others()).filter(({ generation }) => generation < this.owner.generation);
    if (elders.length === 0) return 'eldest';
    return elders.some(({ leaving }) => leaving === true) ? 'behind-leaver' : 'successor';
  }

  async isShared(): Promise<boolean> {
    return (await this.#others()).length > 0;
  }

  async leave(): Promise<boolean> {
    await this.#entries.replace({ ...this.owner, leaving: true });
    // One that leaves too has no need of it, and has seen that we do not stay.
    return (await this.#others()).every(({ leaving }) => leaving === true);
  }

  release(): Promise<void> {
    return this.#entries.replace({ ...this.owner, leaving: true, released: true });
  }

  async #others(): Promise<Owner[]> {
    const { generation, pmId } = this.owner;
    const others = await living(this.#entries, this.#isAlive);
    return pmId === null
      ? []
      : others.filter((other) => other.generation !== generation && other.pmId === pmId);
  }
}
