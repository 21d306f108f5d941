// Virtual time: what is to happen, in its order.

interface Due {
  readonly at: number;
  readonly order: number;
  readonly act: () => void;
}

/** Milliseconds of true time, which no process of the simulation can read. */
export class Timeline {
  now = 0;
  #order = 0;
  /** A binary heap: the earliest is first. */
  readonly #heap: Due[] = [];

  in(ms: number, act: () => void): void {
    const due = { at: this.now + ms, order: this.#order++, act };
    const heap = this.#heap;
    let index = heap.push(due) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (isBefore(heap[parent]!, due)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = due;
  }

  /** Lets everything happen up to a time. */
  run(until: number): void {
    for (let due = this.#heap[0]; due !== undefined && due.at <= until; due = this.#heap[0]) this.step();
    this.now = until;
  }

  /** Lets the next thing happen. */
  step(): void {
    const [due] = this.#heap;
    if (due === undefined) return;
    this.#pop();
    this.now = due.at;
    due.act();
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      if (left >= heap.length) break;
      const right = left + 1;
      const child = right < heap.length && isBefore(heap[right]!, heap[left]!) ? right : left;
      if (isBefore(last, heap[child]!)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}

const isBefore = (a: Due, b: Due): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
