// Virtual time: a queue of events in order of time, as a binary heap. Events of the same moment keep their
// order.
interface Entry {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

const isBefore = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

export class Agenda {
  /** The current virtual time in milliseconds. */
  now = 0;
  readonly #heap: Entry[] = [];
  #order = 0;

  /** The time of the first event; Infinity: there is none. */
  get nextAt(): number {
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  at(at: number, run: () => void): void {
    const heap = this.#heap;
    const entry = { at, order: this.#order++, run };
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (isBefore(heap[parent]!, entry)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = entry;
  }

  after(ms: number, run: () => void): void {
    this.at(this.now + ms, run);
  }

  /** Runs all events up to a moment. */
  runUntil(moment: number): void {
    while (this.nextAt <= moment) {
      const { at, run } = this.#take();
      this.now = at;
      run();
    }
    this.now = moment;
  }

  #take(): Entry {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (isBefore(last, heap[child]!)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
    return top;
  }
}
