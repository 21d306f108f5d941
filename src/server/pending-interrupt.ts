// Waits for an interruption that has been ordered. V8 ends the running code where it next checks for an
// order: at a call, or in a loop. The last instructions of a callback may contain no such check. Then the
// next callback would be ended instead, and the core ends the process if that is the callback of a request.

/** Far longer than an order takes to have its effect. */
const MOST_MS = 20;

export class PendingInterrupt {
  #until = 0;

  /** Call when the running code is about to be interrupted. */
  expect(): void {
    this.#until = performance.now() + MOST_MS;
  }

  /** Call last in a callback of the core: it keeps the callback from returning before the interruption. */
  wait(): void {
    if (this.#until === 0) return;
    while (performance.now() < this.#until);
    this.#until = 0;
  }
}
