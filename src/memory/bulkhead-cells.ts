// Bulkheads: concurrency limits by name, counted over all threads. Threads that use the same name count in
// the same row. A ledger (permit-ledger.ts) counts the permits, so those of a lost thread are reclaimed.
// Callers that find no free permit wait in a line over all threads (bulkhead-line.ts).
import type { Area } from './area.js';
import { BulkheadLine } from './bulkhead-line.js';
import { type Clock, sharedClock } from './clock.js';
import { BULKHEADS_BY_CALLS } from './layout.js';
import { type Named, NameTable } from './name-table.js';
import { PermitLedger } from './permit-ledger.js';

/** The ledger of bulkheads, with one count for each of them. */
export const bulkheadLedger = (area: Area, slot: number): PermitLedger =>
  new PermitLedger(area, slot, { totals: 'bulkheadHeld', own: 'workerBulkheadHeld' });

/** One bulkhead, as one thread uses it. */
export interface Permits {
  /** Takes a permit. @returns false when `most` permits are held already; then nothing was taken */
  enter(most: number): boolean;
  leave(): void;
  /** Permits that all threads hold together. */
  readonly held: number;
  /** The line in which callers wait for a permit of this bulkhead. */
  readonly line: BulkheadLine;
}

/** One bulkhead as the admin plane and the metrics show it. */
export interface BulkheadUsage extends Pick<Named, 'name' | 'terms'> {
  readonly held: number;
}

/** All bulkheads, as one thread uses them. */
export class BulkheadCells {
  readonly #names: NameTable;
  readonly #ledger: PermitLedger;
  readonly #known = new Map<string, Permits>();
  readonly #area: Area;
  readonly #slot: number;
  readonly #clock: Clock;

  /** @param slot row of the thread */
  constructor(area: Area, slot: number, clock: Clock = sharedClock(area)) {
    this.#area = area;
    this.#slot = slot;
    this.#clock = clock;
    this.#names = new NameTable(area, 'bulkhead');
    this.#ledger = bulkheadLedger(area, slot);
  }

  /**
   * The bulkhead of this name, which takes a row when the name is new.
   * @throws RangeError when there are too many names, or one is too long
   */
  of(name: string): Permits {
    let permits = this.#known.get(name);
    if (permits === undefined) {
      permits = this.#permits(this.#names.rowOf(name));
      this.#known.set(name, permits);
    }
    return permits;
  }

  /**
   * Like `of`, for a name that is not written in the code: clients, or processes that register, may choose
   * it.
   * @returns undefined when such names have used up the rows that they may take
   */
  find(name: string): Permits | undefined {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const row = this.#names.rowFor(name, BULKHEADS_BY_CALLS);
    if (row === undefined) return undefined;
    const permits = this.#permits(row);
    this.#known.set(name, permits);
    return permits;
  }

  /**
   * Sets the numbers that all users of the name must agree on, as `NameTable.agree` does.
   * @returns false when the name has other numbers already
   */
  agree(name: string, terms: readonly number[], replace: boolean): boolean {
    return this.#names.agree(this.#names.rowOf(name), terms, replace);
  }

  #permits(row: number): Permits {
    const ledger = this.#ledger;
    return {
      enter: (most) =>
        ledger.take(row, 1, most) ||
        // An interrupted operation may still count as a held permit. A census finds that out: see
        // permit-ledger.ts.
        (ledger.isOwed(row) && ledger.census(row) && ledger.take(row, 1, most)),
      leave: () => ledger.give(row, 1),
      get held() {
        return ledger.held(row);
      },
      line: new BulkheadLine(this.#area, this.#slot, row, this.#clock),
    };
  }

  /** All names and how many each holds. */
  usage(): BulkheadUsage[] {
    return this.#names.list().map(({ row, name, terms }) => ({ name, held: this.#ledger.held(row), terms }));
  }
}

/**
 * Releases the permits of a lost thread and wakes the threads that wait for them. Call it when none of its
 * code can run any more.
 */
export function reclaimBulkheads(area: Area, slot: number): void {
  const { rows } = area.table('bulkheadHeld');
  const clock = sharedClock(area);
  const lines = Array.from({ length: rows }, (_, row) => new BulkheadLine(area, slot, row, clock));
  for (const line of lines) line.clear();
  bulkheadLedger(area, slot).reclaim((row) => lines[row]!.ring());
}

/**
 * Takes each census that is due (permit-ledger.ts) and wakes the threads that wait for what it releases.
 * @returns how many censuses failed and are still due
 */
export function settleBulkheads(area: Area, slot: number): number {
  return bulkheadLedger(area, slot).settle((row) =>
    new BulkheadLine(area, slot, row, sharedClock(area)).ring(),
  );
}
