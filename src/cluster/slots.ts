// Rows of shared memory for worker threads. A row has one writer, so a replacement that runs beside the thread it
// replaces has a row of its own: there is one more than there are workers, and whoever ends makes its row the spare.

/** Threads beyond WORKERS that may live at the same time. */
export const SURGE = 1;

export class Slots {
  readonly #free: number[];
  readonly #waiting: ((slot: number) => void)[] = [];

  /** @param workers WORKERS; the block has rows 1..workers + SURGE */
  constructor(workers: number) {
    this.#free = Array.from({ length: workers + SURGE }, (_, index) => index + 1);
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
