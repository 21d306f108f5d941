// Runs callbacks at the end of this turn of the event loop, when the HTTP core has reported everything in the
// packets that it has read. One `setImmediate` serves all callbacks that are added within a turn.
export class TurnEnd {
  readonly #failed: (error: unknown) => void;
  #waiting: (() => void)[] = [];

  /** @param failed called with what a callback throws; the others still run */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  add(callback: () => void): void {
    if (this.#waiting.push(callback) === 1) setImmediate(() => this.#run());
  }

  #run(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const callback of waiting) {
      try {
        callback();
      } catch (error) {
        this.#failed(error);
      }
    }
  }
}
