// A bounded queue that its callers share fairly. Each caller has a line of its own, and the lines take turns,
// so a caller with many entries delays only its own. When the queue is full, the newest entry of the longest
// line is removed for a caller that has fewer: one caller may fill the whole queue while no other caller
// needs it, and no caller can exclude another. (Stochastic fairness queueing, McKenney 1990, with a line for
// each caller instead of a hash.)
import { type Linked, LinkedList } from '../linked-list.js';

export interface Entry<T> extends Linked<T> {
  readonly caller: string;
}

export class FairQueue<T extends Entry<T>> {
  readonly #maxEntries: number;
  /** The lines of callers that have entries, in the order of their turns. */
  readonly #lines = new Map<string, LinkedList<T>>();
  readonly #entries = new Set<T>();

  /** @param maxEntries entries of all callers together */
  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The number of callers that have entries. */
  get callers(): number {
    return this.#lines.size;
  }

  /**
   * Appends an entry to the line of its caller.
   * @returns the entry for which there is no room, either this one or one that has been removed from the
   *   queue; undefined when there is room for all
   */
  add(entry: T): T | undefined {
    const refused = this.size < this.#maxEntries ? undefined : this.#surplusFor(entry);
    if (refused === entry) return entry;
    if (refused !== undefined) this.remove(refused);
    const line = this.#lines.get(entry.caller) ?? new LinkedList<T>();
    this.#lines.set(entry.caller, line);
    line.add(entry);
    this.#entries.add(entry);
    return refused;
  }

  /** Removes and returns the oldest entry of the caller that is next; undefined when the queue is empty. */
  next(): T | undefined {
    for (const [caller, line] of this.#lines) {
      const entry = line.oldest!;
      this.remove(entry);
      if (this.#lines.delete(caller)) this.#lines.set(caller, line);
      return entry;
    }
    return undefined;
  }

  /** Does nothing when the entry is not in the queue. */
  remove(entry: T): void {
    if (!this.#entries.delete(entry)) return;
    const line = this.#lines.get(entry.caller)!;
    line.remove(entry);
    if (line.size === 0) this.#lines.delete(entry.caller);
  }

  /** Chooses the entry for which a full queue has no room: the newest of the longest line, or the new one. */
  #surplusFor(entry: T): T {
    const own = this.#lines.get(entry.caller)?.size ?? 0;
    let longest: LinkedList<T> | undefined;
    for (const line of this.#lines.values()) if (line.size > (longest?.size ?? own)) longest = line;
    // The longest line must have at least two entries more. With one entry more, the two lines would only
    // exchange their lengths.
    return longest !== undefined && longest.size > own + 1 ? longest.newest! : entry;
  }
}
