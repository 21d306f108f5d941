// Numbers of routes. The words of a thread show by number which route runs now and which ones have run
// (worker-row.ts, flight-recorder.ts). The names that belong to the numbers are rows in the memory of the
// thread's metric series.
import { identityOf, parseIdentity, ROUTE } from './metrics/series-identity.js';
import { SERIES_BYTES, type SlotSeries } from './metrics/series-memory.js';
import { begins, namingOf, type Row, rowsOf, valueWords } from './metrics/series-rows.js';
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
    const made = store.make({ identity, hasCells: false, value: number, most: SERIES_BYTES });
    return made === undefined ? OTHER_ROUTES : number;
  }
}

/** The routes of one slot by their numbers. Any thread may read. */
export function readRoutes(memory: SlotSeries): ReadonlyMap<number, RouteName> {
  const routes = new Map<number, RouteName>();
  for (const row of rowsOf(memory)) addRoute(routes, memory, row);
  return routes;
}

function addRoute(routes: Map<number, RouteName>, memory: SlotSeries, row: Row): void {
  if (!begins(memory, row, ROUTE)) return;
  const { kind, rest } = parseIdentity(namingOf(memory, row).stays);
  const [method = '', template = ''] = rest;
  if (kind === ROUTE) routes.set(readWide(valueWords(memory, row.at), 0), { method, template });
}

/** The rows that one look-up reads at most: about a millisecond of work. */
const MOST_ROWS = 2_000;

/** The routes of one slot, for a thread that looks at them again and again: it reads each row only once. */
export class RouteNameReader {
  readonly #memory: SlotSeries;
  readonly #routes = new Map<number, RouteName>();
  /** The end of the last row that was read. */
  #end: number | undefined;

  constructor(memory: SlotSeries) {
    this.#memory = memory;
  }

  /** @returns undefined for a number without a name, and as long as its row has not been read */
  of(number: number): RouteName | undefined {
    if (number !== OTHER_ROUTES && !this.#routes.has(number)) this.#readOn();
    return this.#routes.get(number);
  }

  #readOn(): void {
    let rows = 0;
    for (const row of rowsOf(this.#memory, this.#end)) {
      addRoute(this.#routes, this.#memory, row);
      this.#end = row.end;
      if (++rows === MOST_ROWS) return;
    }
  }
}

/** The names of the routes of all slots, for a thread that looks them up often. */
export class RouteNames {
  readonly #readers = new Map<SlotSeries, RouteNameReader>();

  /** @returns undefined for a number that the thread of this memory has not given to a route */
  of(memory: SlotSeries, number: number): RouteName | undefined {
    let reader = this.#readers.get(memory);
    if (reader === undefined) {
      reader = new RouteNameReader(memory);
      this.#readers.set(memory, reader);
    }
    return reader.of(number);
  }
}
