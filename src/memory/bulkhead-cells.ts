// Bulkheads: concurrency limits by name, counted over all threads. Threads that use the same name count in
// the same row. A permit is counted by a ledger (permit-ledger.ts), so those of a lost thread are reclaimed.
import type { Area } from './area.js';
import { BulkheadLine } from './bulkhead-line.js';
import { type Clock, sharedClock } from './clock.js';
import { BULKHEADS_BY_CALLS } from './layout.js';
import { type Named, NameTable } from './name-table.js';
import { PermitLedger } from './permit-ledger.js';

/** One count for each bulkhead. */
export const bulkheadLedger = (area: Area, slot: number): PermitLedger =>
  new PermitLedger(area, slot, { totals: 'bulkheadHeld', own: 'workerBulkheadHeld' });

/** One bulkhead, as one thread uses it. */
export interface Permits {
  /** Takes a permit. @returns false when `most` permits are held already; then nothing was taken */
  enter(most: number): boolean;
  leave(): void;
  /** Permits that all threads hold together. */
  readonly held: number;
  readonly line: BulkheadLine;
}

export interface BulkheadUsage extends Pick<Named, 'name' | 'terms'> {
  readonly held: number;
}

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

  /** @throws RangeError when there are too many names, or one is too long */
  of(name: string): Permits {
    let permits = this.#known.get(name);
    if (permits === undefined) {
      permits = this.#permits(this.#names.rowOf(name));
      this.#known.set(name, permits);
    }
    return permits;
  }

  /**
   * As `of`, for a name that is not in the code but may be chosen by clients, or by processes that register.
   * @returns undefined: names of that kind have used up their part of the rows
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

  /** As `NameTable.agree`. */
  agree(name: string, terms: readonly number[], replace: boolean): boolean {
    return this.#names.agree(this.#names.rowOf(name), terms, replace);
  }

  #permits(row: number): Permits {
    const ledger = this.#ledger;
    return {
      enter: (most) =>
        ledger.take(row, 1, most) ||
        // One of those that are counted may not be held any more: see permit-ledger.ts.
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
 * Releases what a lost thread held to those who wait for it. Call it when none of its code can run any more.
 */
export function reclaimBulkheads(area: Area, slot: number): void {
  const { rows } = area.table('bulkheadHeld');
  const clock = sharedClock(area);
  const lines = Array.from({ length: rows }, (_, row) => new BulkheadLine(area, slot, row, clock));
  for (const line of lines) line.clear();
  bulkheadLedger(area, slot).reclaim((row) => lines[row]!.ring());
}

/** Takes each census that is owed. @returns how many are still owed */
export function settleBulkheads(area: Area, slot: number): number {
  return bulkheadLedger(area, slot).settle((row) =>
    new BulkheadLine(area, slot, row, sharedClock(area)).ring(),
  );
}
