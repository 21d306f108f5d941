// What was counted in rows that are renamed, by name, as the primary has read it so far. Each thread renames
// its row of a name when it needs one, so some threads may still have theirs. If the primary showed only what
// the rows say, the total of a name would go down, thread by thread, and so would that of a name which comes
// back. So it adds to each name what a row has counted under it since the last reading, and keeps the sum
// when the row has another name. What a row has counted under names that were not read belongs to no name.
import type { Naming } from './series-identity.js';

/**
 * Names that are kept when no row has them any more. The one that lost its last row first is removed, as a
 * whole, and its count belongs to no name from then on.
 */
export const GONE_KEPT = 512;

/** A row as it was read last. */
interface SeenRow {
  readonly identity: string | undefined;
  readonly value: number;
  readonly before: number;
}

interface Named {
  readonly stays: string;
  count: number;
  /** Rows that have the name. */
  rows: number;
}

/** Counts by the identities of their series, in the same order. */
export interface RenamedNumbers {
  readonly identities: readonly string[];
  readonly counts: Float64Array;
}

const UNSEEN: SeenRow = { identity: undefined, value: 0, before: 0 };

export class RenamedCounts {
  /** By memory and offset. */
  readonly #rows = new Map<SharedArrayBuffer, Map<number, SeenRow>>();
  readonly #byName = new Map<string, Named>();
  /** Names that no row has, the one that lost its last row first at the beginning. */
  readonly #gone = new Set<string>();
  /** What belongs to no name, by the part of the names that stays. */
  readonly #nameless = new Map<string, number>();

  /**
   * Takes a reading of a row that can be renamed. Readings of all threads and all readers are taken in the
   * order in which they were made, so totals only grow.
   */
  read(memory: SharedArrayBuffer, at: number, { stays, identity, value, before }: Naming): void {
    let rows = this.#rows.get(memory);
    if (rows === undefined) {
      rows = new Map();
      this.#rows.set(memory, rows);
    }
    const seen = rows.get(at) ?? UNSEEN;
    rows.set(at, { identity, value, before });
    // Memory that a thread has overwritten may show less than before.
    const grown = Math.max(0, value - seen.value);
    const isRenamed = identity !== seen.identity || before !== seen.before;
    const underName = isRenamed ? Math.min(grown, Math.max(0, value - before)) : grown;
    const own = identity === undefined ? 0 : underName;
    if (identity !== seen.identity) {
      if (seen.identity !== undefined) this.#lose(seen.identity);
      if (identity !== undefined) this.#gain(identity, stays);
    }
    if (identity !== undefined) this.#byName.get(identity)!.count += own;
    if (grown > own) this.#addNameless(stays, grown - own);
  }

  /**
   * The counts of all names, and those that belong to none, under the part of the names that stays. They are
   * those of one moment, also when they are used in several turns: a name that is removed in between would be
   * missing in its own count and in that of no name.
   */
  counts(): RenamedNumbers {
    const identities = [...this.#nameless.keys(), ...this.#byName.keys()];
    const counts = new Float64Array(identities.length);
    let at = 0;
    for (const count of this.#nameless.values()) counts[at++] = count;
    for (const { count } of this.#byName.values()) counts[at++] = count;
    return { identities, counts };
  }

  #gain(identity: string, stays: string): void {
    const named = this.#byName.get(identity);
    if (named === undefined) this.#byName.set(identity, { stays, count: 0, rows: 1 });
    else named.rows += 1;
    this.#gone.delete(identity);
  }

  #lose(identity: string): void {
    const named = this.#byName.get(identity)!;
    named.rows -= 1;
    if (named.rows > 0) return;
    this.#gone.add(identity);
    if (this.#gone.size <= GONE_KEPT) return;
    const [first] = this.#gone;
    const { stays, count } = this.#byName.get(first!)!;
    this.#gone.delete(first!);
    this.#byName.delete(first!);
    this.#addNameless(stays, count);
  }

  #addNameless(stays: string, count: number): void {
    this.#nameless.set(stays, (this.#nameless.get(stays) ?? 0) + count);
  }
}
