// Spreads requests over turns of the event loop. Node.js accepts one connection in each turn, so clients that
// send requests without a pause on connections of their own would keep new ones waiting: every turn would
// last as long as all of their requests. The latest request comes first, so a probe is answered at once
// beside a queue of others.
import type { EventEmitter } from 'node:events';

/** Milliseconds after which no further request begins in a turn. */
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
   * Resolves when a request may begin: at once while few come. One whose connection closes needs no turn.
   * @param connection emits `close`
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
   * What an immediate resolves runs before the next one, so the time that a request takes is seen by the
   * next.
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
