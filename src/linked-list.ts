// Entries in order of arrival: a doubly linked list through the entries themselves, so that each comes and
// goes in constant time, from wherever it stands and however many there are, and nothing is allocated. A Set
// does not: its first entry is searched for among those that were deleted.

/** What a list links its entries by; the list's alone. */
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

  /** The entry that was added first. */
  get oldest(): T | undefined {
    return this.#oldest;
  }

  get newest(): T | undefined {
    return this.#newest;
  }

  /** @param entry that is in no list */
  add(entry: T): void {
    entry.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
    this.#size++;
  }

  /** @param entry that is in this list */
  remove(entry: T): void {
    const { older, newer } = entry;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    // Whatever keeps an entry must not keep all that stood beside it.
    entry.older = undefined;
    entry.newer = undefined;
    this.#size--;
  }
}
