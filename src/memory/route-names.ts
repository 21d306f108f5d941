// Numbers of routes. The words of a thread show by number which route runs now and which ones have run
// (worker-row.ts, flight-recorder.ts). The names that belong to the numbers are rows in the memory of the
// thread's metric series.
import { identityOf, parseIdentity, ROUTE } from './metrics/series-identity.js';
import { SERIES_BYTES, SERIES_HEADER, type SlotSeries } from './metrics/series-memory.js';
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
  for (const row of rowsOf(memory)) readInto(routes, memory, row);
  return routes;
}

function readInto(routes: Map<number, RouteName>, memory: SlotSeries, row: Row): void {
  if (!begins(memory, row, ROUTE)) return;
  const { kind, rest } = parseIdentity(namingOf(memory, row).stays);
  const [method = '', template = ''] = rest;
  if (kind === ROUTE) routes.set(readWide(valueWords(memory, row.at), 0), { method, template });
}

/** The names of routes for a thread that looks them up often: each row is read once. */
export class RouteNames {
  readonly #known = new Map<SlotSeries, { readonly routes: Map<number, RouteName>; end: number }>();

  /** @returns undefined for a number that the thread of this memory has not given to a route */
  of(memory: SlotSeries, number: number): RouteName | undefined {
    const known = this.#known.get(memory) ?? { routes: new Map<number, RouteName>(), end: SERIES_HEADER };
    this.#known.set(memory, known);
    const name = known.routes.get(number);
    if (name !== undefined) return name;
    for (const row of rowsOf(memory, known.end)) {
      known.end = row.end;
      readInto(known.routes, memory, row);
    }
    return known.routes.get(number);
  }
}
