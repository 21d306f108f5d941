// How one of several starters becomes the owner.
//
// A lock that is stale cannot simply be removed and made anew: of two starters that both find it stale, the
// slower one would remove the lock of the quicker. So every owner gets an entry of its own, one generation
// higher; the highest counts and is never removed, only marked as released. Whoever wants to own makes the next
// one, which succeeds for one of several. It then looks again: if somebody was even further, it was late and
// withdraws.
import { bootId, startTimeOf } from './process-identity.js';

export interface Owner {
  readonly pid: number;
  /** See process-identity. */
  readonly startTime: string;
  readonly bootId: string;
  /** The process slot of pm2, null outside it; a successor in the same slot may take over. */
  readonly pmId: string | null;
  /** Grows by one with every owner of this folder. */
  readonly generation: number;
  /** Set when the owner has left in order. */
  readonly released: boolean;
}

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

export interface OwnerLock {
  readonly owner: Owner;
  readonly release: () => Promise<void>;
}

export async function acquire(
  entries: OwnerEntries,
  pmId: string | null,
): Promise<OwnerLock | { readonly heldBy: Owner }> {
  for (;;) {
    const highest = (await entries.generations()).at(-1) ?? 0;
    const last = await entries.read(highest);
    if (last !== undefined && isHeld(last)) return { heldBy: last };
    const owner = ownOwner(highest + 1, pmId);
    if (!(await entries.create(owner))) continue;
    const after = await entries.generations();
    if (after.at(-1) !== owner.generation) {
      await entries.remove(owner.generation);
      continue;
    }
    const passed = after.filter((generation) => generation < owner.generation);
    await Promise.all(passed.map((generation) => entries.remove(generation)));
    return { owner, release: () => entries.replace({ ...owner, released: true }) };
  }
}

/** False when the recorded process has ended, its pid is another's by now, or the machine was restarted. */
function isHeld(owner: Owner): boolean {
  return !owner.released && owner.bootId === bootId() && startTimeOf(owner.pid) === owner.startTime;
}

function ownOwner(generation: number, pmId: string | null): Owner {
  const startTime = startTimeOf(process.pid) ?? '?';
  return { pid: process.pid, startTime, bootId: bootId(), pmId, generation, released: false };
}
