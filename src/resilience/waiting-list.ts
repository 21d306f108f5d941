// Those who wait, in order of arrival: a doubly linked list, so that each comes and goes in constant time,
// from wherever it stands and however many there are. A Set does not: its first entry is searched for among
// those that were deleted.

/** What a list links its entries by. */
export interface Listed<T> {
  before?: T | undefined;
  behind?: T | undefined;
}

export class WaitingList<T extends Listed<T>> {
  #first: T | undefined;
  #last: T | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The entry that has waited longest. */
  get first(): T | undefined {
    return this.#first;
  }

  /** @param entry that is in no list */
  add(entry: T): void {
    entry.before = this.#last;
    if (this.#last === undefined) this.#first = entry;
    else this.#last.behind = entry;
    this.#last = entry;
    this.#size++;
  }

  /** @param entry that is in this list */
  remove(entry: T): void {
    const { before, behind } = entry;
    if (before === undefined) this.#first = behind;
    else before.behind = behind;
    if (behind === undefined) this.#last = before;
    else behind.before = before;
    this.#size--;
  }
}
