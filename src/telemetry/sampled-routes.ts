// The routes that samples have found. Each slot has its own numbers of routes (memory/route-names.ts); here a
// route has one number for all slots. Reading the names of a slot takes up to a few milliseconds, so it is
// done for one slot between two looks. Until then a route counts as `other`.
import type { RouteName } from '../memory/route-names.js';

const ROUTE_BITS = 12;
const OTHER = 0;
const NO_ROUTE: RouteName = { method: '', template: '' };

export class SampledRoutes {
  readonly #routesOf: (slot: number) => ReadonlyMap<number, RouteName>;
  /** The number by slot and number in the slot. */
  readonly #numbers = new Map<number, number>();
  readonly #numberOfName = new Map<string, number>();
  readonly #names: RouteName[] = [NO_ROUTE];
  #mayLearn = true;

  /** @param routesOf reads the names of the routes of a slot */
  constructor(routesOf: (slot: number) => ReadonlyMap<number, RouteName>) {
    this.#routesOf = routesOf;
  }

  /** Names of one more slot may be read. */
  mayLearn(): void {
    this.#mayLearn = true;
  }

  /** @param route its number in the slot */
  numberOf(slot: number, route: number): number {
    const key = (slot << ROUTE_BITS) | route;
    const number = this.#numbers.get(key);
    if (number !== undefined || !this.#mayLearn) return number ?? OTHER;
    this.#mayLearn = false;
    for (const [own, name] of this.#routesOf(slot)) {
      this.#numbers.set((slot << ROUTE_BITS) | own, this.#numberOfRoute(name));
    }
    const learned = this.#numbers.get(key) ?? OTHER;
    // A number without a name is not looked up again.
    this.#numbers.set(key, learned);
    return learned;
  }

  /** The name; with an empty template what belongs to no route. @param number from `numberOf` */
  nameOf(number: number): RouteName {
    return this.#names[number] ?? NO_ROUTE;
  }

  #numberOfRoute(name: RouteName): number {
    const { method, template } = name;
    if (template === '') return OTHER;
    const id = `${method} ${template}`;
    const known = this.#numberOfName.get(id);
    if (known !== undefined) return known;
    const number = this.#names.push(name) - 1;
    this.#numberOfName.set(id, number);
    return number;
  }
}
