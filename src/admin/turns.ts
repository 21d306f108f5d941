// Spreads requests over turns of the event loop. Node.js accepts one connection in each turn, and a turn
// lasts until all requests that have arrived are handled. So clients that send requests without a pause would
// delay new connections. Here only a few requests begin in each turn. The latest one begins first, so a probe
// gets its response at once even if many others wait.
import type { EventEmitter } from 'node:events';

/** When a turn has lasted for this many milliseconds, no further request begins in it. */
const TURN_MS = 1;

export class Turns {
  readonly #perTurn: number;
  readonly #clock: () => number;
  readonly #waiting: (() => void)[] = [];
  #left = 0;
  #begunAt = 0;
  #isScheduled = false;

  /** @param perTurn requests that may begin in one turn of the loop, unless the first ones take long */
  constructor(perTurn: number, clock: () => number = () => performance.now()) {
    this.#perTurn = perTurn;
    this.#clock = clock;
  }

  /**
   * Resolves when a request may begin, or when its connection has closed.
   * @param connection what emits `close` when the client leaves: the response of the request
   * @returns undefined when the request may begin at once
   */
  enter(connection: EventEmitter): Promise<void> | undefined {
    if (!this.#isScheduled) this.#startTurn();
    this.#schedule();
    if (this.#waiting.length === 0 && this.#mayBegin()) {
      this.#left--;
      return undefined;
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      connection.once('close', () => {
        const at = this.#waiting.lastIndexOf(resolve);
        if (at !== -1) this.#waiting.splice(at, 1);
        resolve();
      });
    });
  }

  /**
   * Schedules one immediate for each request that may begin in the next turn, and not one for all of them.
   * A request runs between its immediate and the next one, so the next one can check how long the turn has
   * lasted.
   */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#startTurn();
      this.#begin();
    });
    for (let request = 1; request < this.#perTurn; request++) setImmediate(() => this.#begin());
    setImmediate(() => {
      this.#isScheduled = false;
      if (this.#waiting.length > 0) this.#schedule();
    });
  }

  #startTurn(): void {
    this.#left = this.#perTurn;
    this.#begunAt = this.#clock();
  }

  #begin(): void {
    if (this.#waiting.length === 0 || !this.#mayBegin()) return;
    this.#left--;
    this.#waiting.pop()!();
  }

  #mayBegin(): boolean {
    return this.#left > 0 && this.#clock() - this.#begunAt < TURN_MS;
  }
}
