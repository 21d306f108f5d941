// The routes that samples have found. Each slot has its own numbers of routes (memory/route-names.ts); here a
// route has one number for all slots. The names are read a few rows at a time, so until the row of a route
// has been read, the route counts as `other`, and so do all routes that share OTHER_ROUTES.
import { OTHER_ROUTES, type RouteName, type RowBudget } from '../memory/route-names.js';

const ROUTE_BITS = 12;
/** The number of requests that no route has matched. */
export const UNMATCHED = 0;
/** The number of all routes whose names are not known. */
export const UNNAMED = 1;
const NO_ROUTE: RouteName = { method: '', template: '' };
/**
 * The rows that are read between two looks: about a tenth of a millisecond of work, 0.3 % of the time between
 * them. A slot with 1,000 routes has some thousand rows, which takes a second.
 */
export const ROWS_PER_LOOK = 100;

/** Reads the name of a route, and takes the rows that it reads off the budget. */
export type NameOfRoute = (slot: number, route: number, budget: RowBudget) => RouteName | undefined;

export class SampledRoutes {
  readonly #nameOf: NameOfRoute;
  /** The number by slot and number in the slot. */
  readonly #numbers = new Map<number, number>();
  readonly #numberOfName = new Map<string, number>();
  readonly #names: RouteName[] = [NO_ROUTE, NO_ROUTE];
  readonly #budget: RowBudget = { rows: ROWS_PER_LOOK };

  constructor(nameOf: NameOfRoute) {
    this.#nameOf = nameOf;
  }

  /** More rows may be read. */
  mayLearn(): void {
    this.#budget.rows = ROWS_PER_LOOK;
  }

  /** @param route its number in the slot */
  numberOf(slot: number, route: number): number {
    if (route === OTHER_ROUTES) return UNNAMED;
    const key = (slot << ROUTE_BITS) | route;
    const known = this.#numbers.get(key);
    if (known !== undefined || this.#budget.rows === 0) return known ?? UNNAMED;
    const name = this.#nameOf(slot, route, this.#budget);
    if (name === undefined) return UNNAMED;
    const number = this.#numberOfRoute(name);
    this.#numbers.set(key, number);
    return number;
  }

  /** The name; with an empty template what belongs to no route. @param number from `numberOf` */
  nameOf(number: number): RouteName {
    return this.#names[number] ?? NO_ROUTE;
  }

  #numberOfRoute(name: RouteName): number {
    const { method, template } = name;
    if (template === '') return UNMATCHED;
    const id = `${method} ${template}`;
    const known = this.#numberOfName.get(id);
    if (known !== undefined) return known;
    const number = this.#names.push(name) - 1;
    this.#numberOfName.set(id, number);
    return number;
  }
}
