// Rows of shared memory for worker threads, numbered by slot. A row has one writer, so a replacement that
// runs beside the thread it replaces has a row of its own. Hence there are a few more rows than workers; the
// row of a thread that has ended becomes a spare.

/**
 * The number of threads that may drain beside their successors at the same time because they are replaced by
 * plan. With a quarter of the workers, a reload takes about four drains, however many workers there are, and
 * costs a quarter more memory while it lasts.
 */
export const maxReplacedAtOnce = (workers: number): number => Math.ceil(workers / 4);

/** The number of wedged threads, beside their successors, that the process bears before it gives up. */
export const maxWedged = (workers: number): number => Math.max(1, Math.min(4, Math.floor(workers / 2)));

/** The number of rows for worker threads that a process with this number of workers needs. */
export const rowsFor = (workers: number): number => workers + maxReplacedAtOnce(workers) + maxWedged(workers);

/** Hands out the rows. */
export class Slots {
  readonly #free: number[];
  readonly #waiting: ((slot: number) => void)[] = [];

  /**
   * @param workers the number of workers of a group
   * @param first the first of its `rowsFor(workers)` rows
   */
  constructor(workers: number, first = 1) {
    this.#free = Array.from({ length: rowsFor(workers) }, (_, index) => first + index);
  }

  /** The number of calls of `take` that have not resolved. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** A free row; undefined when there is none. Release it. */
  tryTake(): number | undefined {
    return this.#free.shift();
  }

  /** Resolves with a row when one is free, in the order of the calls. Release it. */
  take(): Promise<number> {
    const slot = this.tryTake();
    if (slot !== undefined) return Promise.resolve(slot);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Call when no code of the thread that had the row can run any more. */
  release(slot: number): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(slot);
    else next(slot);
  }
}
