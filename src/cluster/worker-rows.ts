// Rows of shared memory for worker threads. A row has one writer, so a replacement that runs beside the
// thread it replaces has a row of its own: there are a few more than there are workers, and whoever ends
// makes its row a spare.

/**
 * Threads that may be replaced by order at the same time, each beside its successor. A quarter of the
 * workers: a reload then takes about four drains, however many workers there are, and costs a quarter more
 * memory while it lasts.
 */
export const mostReplaced = (workers: number): number => Math.ceil(workers / 4);

/** Threads that may stand still for good, beside those that took their place, before the process gives up. */
export const mostWedged = (workers: number): number => Math.max(1, Math.min(4, Math.floor(workers / 2)));

/** Rows for worker threads that a process with so many workers needs. */
export const rowsFor = (workers: number): number => workers + mostReplaced(workers) + mostWedged(workers);

export class Slots {
  readonly #free: number[];
  readonly #waiting: ((slot: number) => void)[] = [];

  /** @param workers WORKERS; the block has rows 1..rowsFor(workers) */
  constructor(workers: number) {
    this.#free = Array.from({ length: rowsFor(workers) }, (_, index) => index + 1);
  }

  /** How many `take` have not resolved. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** A free row, undefined when there is none. Give it back. */
  tryTake(): number | undefined {
    return this.#free.shift();
  }

  /** Resolves with a row when one is free, in the order of asking. Give it back. */
  take(): Promise<number> {
    const slot = this.tryTake();
    if (slot !== undefined) return Promise.resolve(slot);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Call when no code of the thread that had it can run any more. */
  giveBack(slot: number): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(slot);
    else next(slot);
  }
}
