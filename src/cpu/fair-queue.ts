// A bounded queue that its callers share. Each has a line of its own, and the lines take turns, so a caller
// with many entries delays its own alone. When the queue is full, the newest entry of the longest line makes
// room for a caller that has fewer: one caller may fill the whole queue as long as no other needs it, and
// none is kept out by another. (Stochastic fairness queueing, McKenney 1990, with a line for each caller
// instead of a hash.)
import { type Linked, LinkedList } from '../linked-list.js';

export interface Entry<T> extends Linked<T> {
  readonly caller: string;
}

export class FairQueue<T extends Entry<T>> {
  readonly #most: number;
  /** Of callers with entries, in the order of their turns. */
  readonly #lines = new Map<string, LinkedList<T>>();
  readonly #entries = new Set<T>();

  /** @param most entries of all callers together */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Callers that have entries. */
  get callers(): number {
    return this.#lines.size;
  }

  /**
   * Puts it at the end of its caller's line.
   * @returns the entry that there is no room for, this one or one that waited; undefined: there is room for
   *   all
   */
  add(entry: T): T | undefined {
    const refused = this.size < this.#most ? undefined : this.#surplusFor(entry);
    if (refused === entry) return entry;
    if (refused !== undefined) this.remove(refused);
    const line = this.#lines.get(entry.caller) ?? new LinkedList<T>();
    this.#lines.set(entry.caller, line);
    line.add(entry);
    this.#entries.add(entry);
    return refused;
  }

  /** Takes out the oldest entry of the caller whose turn it is. */
  next(): T | undefined {
    for (const [caller, line] of this.#lines) {
      const entry = line.oldest!;
      this.remove(entry);
      if (this.#lines.delete(caller)) this.#lines.set(caller, line);
      return entry;
    }
    return undefined;
  }

  /** Nothing when it is not in the queue. */
  remove(entry: T): void {
    if (!this.#entries.delete(entry)) return;
    const line = this.#lines.get(entry.caller)!;
    line.remove(entry);
    if (line.size === 0) this.#lines.delete(entry.caller);
  }

  #surplusFor(entry: T): T {
    const own = this.#lines.get(entry.caller)?.size ?? 0;
    let longest: LinkedList<T> | undefined;
    for (const line of this.#lines.values()) if (line.size > (longest?.size ?? own)) longest = line;
    // A line that is longer by one would only change places with this one.
    return longest !== undefined && longest.size > own + 1 ? longest.newest! : entry;
  }
}
