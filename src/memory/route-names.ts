// Numbers of routes. The words of a thread show by number which route runs now and which ones have run
// (worker-row.ts, flight-recorder.ts). The names that belong to the numbers are rows in the memory of the
// thread's metric series.
import { identityOf, parseIdentity, ROUTE } from './metrics/series-identity.js';
import { SERIES_BYTES, type SlotSeries } from './metrics/series-memory.js';
import { begins, CELLS, namingOf, type Row, rowsOf, valueWords } from './metrics/series-rows.js';
import type { SeriesStore } from './metrics/series-store.js';
import { readWide } from './metrics/wide.js';

/**
 * The number of all routes that have no number of their own. Numbers have twelve bits, and 0 means no route.
 */
export const OTHER_ROUTES = 0xfff;

export interface RouteName {
  readonly method: string;
  /** The pattern of the route; empty for requests that no route has matched. */
  readonly template: string;
}

export class RouteNumbers {
  readonly #store: SeriesStore;

  /** @param store of this thread */
  constructor(store: SeriesStore) {
    this.#store = store;
  }

  /** The number of a route: the same one in every thread that follows in the slot. */
  of({ method, template }: RouteName): number {
    const store = this.#store;
    const identity = identityOf(ROUTE, '', { [method]: template });
    const known = store.find(identity);
    if (known !== undefined) return readWide(valueWords(store.memory, known), 0) & OTHER_ROUTES;
    const number = store.count(ROUTE, '') + 1;
    if (number >= OTHER_ROUTES) return OTHER_ROUTES;
    const row = { identity, hasCells: false, value: number, part: 'runtime', most: SERIES_BYTES } as const;
    const made = store.make(row);
    return made === undefined ? OTHER_ROUTES : number;
  }
}

/** The rows that one turn reads at most: less than a millisecond of work. */
export const ROWS_PER_TURN = 500;

/** The rows that may still be read in a turn. Look-ups share it, and each takes off what it has read. */
export interface RowBudget {
  rows: number;
}

export const rowBudget = (): RowBudget => ({ rows: ROWS_PER_TURN });

/** Route names of which each exists once, however many slots have the route. */
class DistinctNames {
  readonly #names = new Map<string, RouteName>();

  /** @returns undefined for an identity that is not one of a route */
  of(identity: string): RouteName | undefined {
    const known = this.#names.get(identity);
    if (known !== undefined) return known;
    const { kind, rest } = parseIdentity(identity);
    if (kind !== ROUTE) return undefined;
    const [method = '', template = ''] = rest;
    const name = { method, template };
    this.#names.set(identity, name);
    return name;
  }
}

/** The routes of one slot by their numbers. Each row is read only once, and few of them in one turn. */
export class RouteNameReader {
  readonly #memory: SlotSeries;
  readonly #names: DistinctNames;
  readonly #routes = new Map<number, RouteName>();
  /** The end of the last row that was read. */
  #end: number | undefined;

  constructor(memory: SlotSeries, names = new DistinctNames()) {
    this.#memory = memory;
    this.#names = names;
  }

  /** @returns undefined for a number without a name, and as long as its row has not been read */
  of(number: number, budget = rowBudget()): RouteName | undefined {
    if (number !== OTHER_ROUTES && !this.#routes.has(number)) this.readOn(budget);
    return this.#routes.get(number);
  }

  /** @returns whether all rows that there are have been read */
  readOn(budget = rowBudget()): boolean {
    if (budget.rows <= 0) return false;
    for (const row of rowsOf(this.#memory, this.#end)) {
      this.#read(row);
      this.#end = row.end;
      if (--budget.rows === 0) return false;
    }
    return true;
  }

  #read(row: Row): void {
    const memory = this.#memory;
    if (row.words[CELLS] !== 0 || !begins(memory, row, ROUTE)) return;
    const name = this.#names.of(namingOf(memory, row).stays);
    if (name !== undefined) this.#routes.set(readWide(valueWords(memory, row.at), 0), name);
  }
}

/** The names of the routes of all slots. */
export class RouteNames {
  readonly #readers = new Map<SlotSeries, RouteNameReader>();
  readonly #names = new DistinctNames();

  /**
   * @param budget of a turn that looks up several names
   * @returns undefined for a number that the thread of this memory has not given to a route, and as long as
   *   its row has not been read
   */
  of(memory: SlotSeries, number: number, budget?: RowBudget): RouteName | undefined {
    return this.#reader(memory).of(number, budget);
  }

  /** Reads the next rows. @returns whether all rows that there are have been read */
  readOn(memory: SlotSeries): boolean {
    return this.#reader(memory).readOn();
  }

  #reader(memory: SlotSeries): RouteNameReader {
    let reader = this.#readers.get(memory);
    if (reader === undefined) {
      reader = new RouteNameReader(memory, this.#names);
      this.#readers.set(memory, reader);
    }
    return reader;
  }
}
