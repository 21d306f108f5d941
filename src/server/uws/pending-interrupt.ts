// Code that is to be broken off ends at V8's next check, at the latest in a loop. The last instructions of a
// callback may hold no check: then the callback after it would be ended in its place, and the core ends the
// process when that was a request's.

/** Longer than it takes from the order to its effect by far. */
const MOST_MS = 20;

export class PendingInterrupt {
  #until = 0;

  /** What runs now is about to be ended. */
  expect(): void {
    this.#until = performance.now() + MOST_MS;
  }

  /** Call last in a callback of the core: it does not return while its end is on the way. */
  wait(): void {
    if (this.#until === 0) return;
    while (performance.now() < this.#until);
    this.#until = 0;
  }
}
