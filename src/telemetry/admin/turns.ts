// Spreads requests over turns of the event loop. Node.js accepts one connection in each turn, so clients that send
// requests without a pause on connections of their own would keep new ones waiting: every turn would last as long as
// all of their requests. The latest request comes first, so a probe is answered at once beside a queue of others.

export class Turns {
  readonly #perTurn: number;
  readonly #waiting: (() => void)[] = [];
  #left: number;
  #isScheduled = false;

  /** @param perTurn requests that may begin in one turn of the loop */
  constructor(perTurn: number) {
    this.#perTurn = perTurn;
    this.#left = perTurn;
  }

  /** Resolves when a request may begin: at once while few come. */
  enter(): Promise<void> | undefined {
    this.#schedule();
    if (this.#left > 0 && this.#waiting.length === 0) {
      this.#left--;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#left = this.#perTurn;
      for (; this.#left > 0 && this.#waiting.length > 0; this.#left--) this.#waiting.pop()!();
      if (this.#waiting.length > 0) this.#schedule();
    });
  }
}
