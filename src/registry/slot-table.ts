// Assigns rows of the shared endpoint tables ("slots") to instances. A released row is not reused for a
// while, because calls that still run would be counted for the next instance. An instance that registers
// again with the same service, id, address and port gets its own row again at once, unless the row has been
// reused. The row keeps its counts, so leaving and registering again does not reset an open breaker.

/** How long a released row is not reused: longer than a request lasts by default, including its retries. */
export const QUARANTINE_MS = 60_000;

export class SlotTable {
  readonly #size: number;
  readonly #clock: () => number;
  readonly #onFresh: (slot: number) => void;
  /** The lowest row that no instance has had yet. */
  #nextUnused = 0;
  /** Released rows by the key of their instance, in the order of their release. */
  readonly #released = new Map<string, { readonly slot: number; readonly until: number }>();

  /** @param onFresh resets the cells of a row. `take` calls it, unless an instance gets its own row again */
  constructor(size: number, clock: () => number, onFresh: (slot: number) => void) {
    this.#size = size;
    this.#clock = clock;
    this.#onFresh = onFresh;
  }

  /**
   * Gives an instance a row.
   * @param key service, id, address and port of the instance
   * @returns the row; undefined when each row is in use or was released less than QUARANTINE_MS ago
   */
  take(key: string): number | undefined {
    const own = this.#released.get(key);
    if (own !== undefined) {
      this.#released.delete(key);
      return own.slot;
    }
    const slot = this.#nextUnused < this.#size ? this.#nextUnused++ : this.#reusable();
    if (slot !== undefined) this.#onFresh(slot);
    return slot;
  }

  /** Takes the row from an instance that has left or moved. Only the same key may get it again at once. */
  release(key: string, slot: number): void {
    this.#released.set(key, { slot, until: this.#clock() + QUARANTINE_MS });
  }

  /** @returns the row that was released first; undefined while it may not be reused yet */
  #reusable(): number | undefined {
    for (const [key, { slot, until }] of this.#released) {
      if (until > this.#clock()) return undefined;
      this.#released.delete(key);
      return slot;
    }
    return undefined;
  }
}
