// The pages of a list that clients have requested since the last reading, so that those which look at the
// same one share the work of sorting it.
import type { PageRequest } from './pages.js';
import type { Traffic } from './traffic.js';
import { READ_EVERY_MS } from './traffic-watch.js';

/** More pages than this are not kept: clients seldom look at many at once. */
const MOST_PAGES = 16;

export class SharedPages<T> {
  readonly #clock: () => number;
  readonly #pages = new Map<string, Promise<T>>();
  #all: unknown;
  #stamp = '';
  #endsAt = 0;

  /** @param clock milliseconds */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /**
   * @param all the list
   * @param order names what the page depends on apart from the list and the request
   * @param make makes the page when none is kept
   */
  page(
    { traffic, all }: { readonly traffic: Traffic; readonly all: unknown },
    { limit, after }: PageRequest,
    order: readonly string[],
    make: () => Promise<T>,
  ): Promise<T> {
    this.#dropOld(traffic, all);
    const key = JSON.stringify([order, limit, after]);
    let page = this.#pages.get(key);
    if (page !== undefined) return page;
    if (this.#pages.size >= MOST_PAGES) this.#pages.clear();
    page = make();
    this.#pages.set(key, page);
    return page;
  }

  /** Pages are used until a reading finds other requests, and at most until the next one is due. */
  #dropOld(traffic: Traffic, all: unknown): void {
    const { total, recent } = traffic.requests.count;
    const stamp = `${total} ${recent}`;
    const now = this.#clock();
    if (all === this.#all && stamp === this.#stamp && now < this.#endsAt) return;
    this.#pages.clear();
    this.#all = all;
    this.#stamp = stamp;
    this.#endsAt = now + READ_EVERY_MS;
  }
}
