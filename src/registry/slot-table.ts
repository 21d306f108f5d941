// Assigns rows of the shared endpoint tables ("slots") to instances. A released row is reused when its calls
// have ended, because they would be counted for the next instance. An instance that registers again with the
// same service, id, address and port gets its own row again at once, unless the row has been reused. The row
// keeps its counts, so leaving and registering again does not reset an open breaker.

/** How long a released row is not reused: threads that have picked it begin their call within this time. */
export const REST_MS = 1_000;
/** A row with calls is reused after this time: its count of them must be wrong. */
const LOST_MS = 3_600_000;

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
    for (const [key, { slot, since }] of this.#released) {
      if (now - since < REST_MS) return undefined;
      if (now - since < LOST_MS && !this.#isIdle(slot)) continue;
      this.#released.delete(key);
      return slot;
    }
    return undefined;
  }
}
