// The entries of one service that have the same priority. Each caller has a line of its own, and the lines
// take turns, so a caller with many entries delays only its own. (Stochastic fairness queueing, McKenney
// 1990, with a line for each caller instead of a hash.)
import { type Linked, LinkedList } from '../linked-list.js';
import type { Party } from './turn-order.js';

export interface CallerEntry<T> extends Linked<T> {
  readonly caller: string;
}

export class PriorityLine<T extends CallerEntry<T>> implements Party {
  /** How many turns this priority has for one turn of a priority of weight 1. */
  readonly weight: number;
  charged = 0;
  #size = 0;
  /** The lines of callers that have entries, in the order of their turns. */
  readonly #lines = new Map<string, LinkedList<T>>();

  constructor(weight: number) {
    this.weight = weight;
  }

  get size(): number {
    return this.#size;
  }

  /** The number of callers that have entries. */
  get callers(): number {
    return this.#lines.size;
  }

  /** Whether another caller has entries. */
  hasOtherCaller(caller: string): boolean {
    return this.#lines.size > (this.#lines.has(caller) ? 1 : 0);
  }

  add(entry: T): void {
    const line = this.#lines.get(entry.caller) ?? new LinkedList<T>();
    this.#lines.set(entry.caller, line);
    line.add(entry);
    this.#size++;
  }

  /** Removes and returns the oldest entry of the caller that is next; undefined when there is none. */
  next(): T | undefined {
    for (const [caller, line] of this.#lines) {
      const entry = line.oldest!;
      this.remove(entry);
      if (this.#lines.delete(caller)) this.#lines.set(caller, line);
      return entry;
    }
    return undefined;
  }

  /** @param entry an entry of this line */
  remove(entry: T): void {
    const line = this.#lines.get(entry.caller)!;
    line.remove(entry);
    this.#size--;
    if (line.size === 0) this.#lines.delete(entry.caller);
  }

  /** The newest entry of the caller with the most. */
  get surplus(): T | undefined {
    return this.#longest(0)?.newest;
  }

  /** The newest entry of the caller with the most, or the given one when no caller has more. */
  surplusFor(entry: T): T {
    const own = this.#lines.get(entry.caller)?.size ?? 0;
    const longest = this.#longest(own);
    // The longest line must have at least two entries more. With one entry more, the two lines would only
    // exchange their lengths.
    return longest !== undefined && longest.size > own + 1 ? longest.newest! : entry;
  }

  #longest(least: number): LinkedList<T> | undefined {
    let longest: LinkedList<T> | undefined;
    for (const line of this.#lines.values()) if (line.size > (longest?.size ?? least)) longest = line;
    return longest;
  }
}
