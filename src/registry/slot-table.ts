// Assigns rows of the shared endpoint tables ("slots") to instances. A released row is not reused for a
// while, because calls that still run would be counted for the next instance. When there is no other row, one
// whose calls have ended is reused earlier: instances that come and go must not keep others out. An instance
// that registers again with the same service, id, address and port gets its own row again at once, unless the
// row has been reused. The row keeps its counts, so leaving and registering again does not reset an open
// breaker.

/** How long a released row is not reused: longer than a request lasts by default, including its retries. */
export const QUARANTINE_MS = 60_000;
/** How long it is not reused in any case: threads that have picked it begin their call within this time. */
const REST_MS = 1_000;
/** How many released rows are looked at, at most, for one whose calls have ended. */
const MOST_LOOKED_AT = 256;

export class SlotTable {
  readonly #size: number;
  readonly #clock: () => number;
  readonly #onFresh: (slot: number) => void;
  readonly #isIdle: (slot: number) => boolean;
  /** The lowest row that no instance has had yet. */
  #nextUnused = 0;
  /** Released rows by the key of their instance, in the order of their release. */
  readonly #released = new Map<string, { readonly slot: number; readonly since: number }>();

  /**
   * @param onFresh resets the cells of a row. `take` calls it, unless an instance gets its own row again
   * @param isIdle whether no call of a row runs
   */
  constructor(
    size: number,
    clock: () => number,
    onFresh: (slot: number) => void,
    isIdle: (slot: number) => boolean,
  ) {
    this.#size = size;
    this.#clock = clock;
    this.#onFresh = onFresh;
    this.#isIdle = isIdle;
  }

  /**
   * Gives an instance a row.
   * @param key service, id, address and port of the instance
   * @returns the row; undefined when each row is in use, or may not be reused yet
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
    this.#released.set(key, { slot, since: this.#clock() });
  }

  /** @returns the row that was released first of those that may be reused */
  #reusable(): number | undefined {
    const now = this.#clock();
    let looked = 0;
    for (const [key, { slot, since }] of this.#released) {
      if (now - since < REST_MS || ++looked > MOST_LOOKED_AT) return undefined;
      if (now - since < QUARANTINE_MS && !this.#isIdle(slot)) continue;
      this.#released.delete(key);
      return slot;
    }
    return undefined;
  }
}
