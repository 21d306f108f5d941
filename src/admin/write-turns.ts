// Divides writes to many streams into turns of the event loop. A write is a call of the operating system,
// which takes some hundredths of a millisecond, and hundreds of streams may get the same event.

/** Writes in one turn: less than a millisecond of work. */
export const WRITES_PER_TURN = 16;

export class WriteTurns {
  readonly #waiting: (() => void)[] = [];
  #left = WRITES_PER_TURN;
  #isScheduled = false;

  /** Resolves when the caller may write, the first caller first. @returns undefined: it may write at once */
  next(): Promise<void> | undefined {
    this.#schedule();
    if (this.#left > 0) {
      this.#left -= 1;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      const admitted = this.#waiting.splice(0, WRITES_PER_TURN);
      this.#left = WRITES_PER_TURN - admitted.length;
      if (admitted.length > 0) this.#schedule();
      for (const resolve of admitted) resolve();
    });
  }
}
