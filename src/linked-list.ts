// A doubly linked list in order of arrival. The links are in the entries themselves, so adding and removing
// any entry takes constant time and allocates nothing. A Set is slower here: to find its first entry, it
// skips the deleted ones.

/** The links of an entry. Only the list changes them. */
export interface Linked<T> {
  older?: T | undefined;
  newer?: T | undefined;
}

export class LinkedList<T extends Linked<T>> {
  #oldest: T | undefined;
  #newest: T | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The entry that was added first and is still in the list. */
  get oldest(): T | undefined {
    return this.#oldest;
  }

  get newest(): T | undefined {
    return this.#newest;
  }

  /** @param entry an entry that is in no list */
  add(entry: T): void {
    entry.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
    this.#size++;
  }

  /** @param entry an entry of this list */
  remove(entry: T): void {
    const { older, newer } = entry;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    // A reference to a removed entry must not keep its former neighbours in memory.
    entry.older = undefined;
    entry.newer = undefined;
    this.#size--;
  }
}
