// Numbers of routes in the words of a thread (which one runs, which ones have run), and what they are called:
// rows beside those of the thread's series.
import { identityOf, parseIdentity, ROUTE } from './metrics/series-identity.js';
import { SERIES_BYTES, type SlotSeries } from './metrics/series-memory.js';
import { begins, namingOf, rowsOf, valueWords } from './metrics/series-rows.js';
import type { SeriesStore } from './metrics/series-store.js';
import { readWide } from './metrics/wide.js';

/** The number of all routes that have none of their own. Numbers have twelve bits, and 0 is no route. */
export const OTHER_ROUTES = 0xfff;

export interface RouteName {
  readonly method: string;
  /** Empty: no route has matched. */
  readonly template: string;
}

export class RouteNumbers {
  readonly #store: SeriesStore;

  /** @param store of this thread */
  constructor(store: SeriesStore) {
    this.#store = store;
  }

  /** The same for a route in every thread of the slot. */
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

/** Every route of one slot by number. Any thread may read. */
export function readRoutes(memory: SlotSeries): ReadonlyMap<number, RouteName> {
  const routes = new Map<number, RouteName>();
  for (const row of rowsOf(memory)) {
    if (!begins(memory, row, ROUTE)) continue;
    const { kind, rest } = parseIdentity(namingOf(memory, row).stays);
    const [method = '', template = ''] = rest;
    if (kind === ROUTE) routes.set(readWide(valueWords(memory, row.at), 0), { method, template });
  }
  return routes;
}
