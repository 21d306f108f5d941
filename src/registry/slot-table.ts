// Rows of the shared endpoint tables, handed out to instances. A row that was given back rests before another
// instance gets it: calls still under way there would otherwise be counted for a stranger. The same instance
// gets its own row back at once, with its history: leaving and coming back does not launder a breaker.

/** Longer than a request may last by default, its retries included. */
export const QUARANTINE_MS = 60_000;

export class SlotTable {
  readonly #size: number;
  readonly #clock: () => number;
  readonly #onFresh: (slot: number) => void;
  #unused = 0;
  /** By key, in the order in which they were given back. */
  readonly #resting = new Map<string, { readonly slot: number; readonly until: number }>();

  /** @param onFresh resets the cells of a row before it is handed out */
  constructor(size: number, clock: () => number, onFresh: (slot: number) => void) {
    this.#size = size;
    this.#clock = clock;
    this.#onFresh = onFresh;
  }

  /** @returns undefined when every row is in use or resting */
  take(key: string): number | undefined {
    const own = this.#resting.get(key);
    if (own !== undefined) {
      this.#resting.delete(key);
      return own.slot;
    }
    const slot = this.#unused < this.#size ? this.#unused++ : this.#rested();
    if (slot !== undefined) this.#onFresh(slot);
    return slot;
  }

  release(key: string, slot: number): void {
    this.#resting.set(key, { slot, until: this.#clock() + QUARANTINE_MS });
  }

  #rested(): number | undefined {
    for (const [key, { slot, until }] of this.#resting) {
      if (until > this.#clock()) return undefined;
      this.#resting.delete(key);
      return slot;
    }
    return undefined;
  }
}
