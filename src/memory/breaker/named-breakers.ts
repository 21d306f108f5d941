// Breakers that belong to no endpoint but have a name. Their cells are the last rows of the breaker tables,
// so everything that is done for all rows (totals, reclaiming) is done for them, too.
import type { Area } from '../area.js';
import { NameTable } from '../name-table.js';

export interface NamedBreaker {
  /** Row in the breaker tables. */
  readonly slot: number;
  readonly name: string;
  /** The options of the breaker as numbers, on which all users of the name agree. */
  readonly terms: readonly number[];
}

export class NamedBreakers {
  readonly #names: NameTable;
  /** Row of the first name. */
  readonly #first: number;

  constructor(area: Area) {
    this.#names = new NameTable(area, 'breaker');
    this.#first = area.table('breakerState').rows - this.#names.rows;
  }

  /**
   * The row of the breaker with this name. @throws RangeError when there are too many names, or one is too
   * long
   */
  slotOf(name: string): number {
    return this.#first + this.#names.rowOf(name);
  }

  /** Sets the numbers that all users of the name must agree on, as `NameTable.agree` does. */
  agree(slot: number, terms: readonly number[], replace: boolean): boolean {
    return this.#names.agree(slot - this.#first, terms, replace);
  }

  /** The name of a breaker; undefined for the breaker of an endpoint. */
  nameOf(slot: number): string | undefined {
    return slot < this.#first ? undefined : this.#names.nameOf(slot - this.#first);
  }

  termsOf(slot: number): readonly number[] | undefined {
    return slot < this.#first ? undefined : this.#names.termsOf(slot - this.#first);
  }

  list(): NamedBreaker[] {
    return this.#names
      .list()
      .flatMap(({ row, name, terms }) =>
        terms === undefined ? [] : [{ slot: this.#first + row, name, terms }],
      );
  }
}
