// How much one worker may have in flight of a limit that all share. Without a bound of its own the places that answers
// leave are taken by whichever worker happens to read its sockets first: one gets a queue, another runs dry, and the
// slowest answers wait for several times the mean. By Little's law a worker needs its own best rate times the usual
// latency; it may have the same reserve on top as the limit itself, and never less than an even share. So a worker that is
// asked alone keeps what it needs.
import { bestNeed, nextRates, type Rates, withReserve } from './adaptive-limit.js';

const WINDOW_MS = 50;

export class OwnShare {
  /** In flight in this worker. */
  running = 0;
  readonly #workers: number;
  #rates: Rates = { rate: 0, bestRate: 0 };
  #needed = 0;
  #since = 0;
  #answers = 0;
  #usualMs = 0;

  /** @param workers that share the limit */
  constructor(workers: number) {
    this.#workers = workers;
  }

  /**
   * Some of this worker's requests have been answered.
   * @param usualMs sum of what such answers usually take @param now milliseconds of any one clock
   */
  answered(answers: number, usualMs: number, now: number): void {
    this.#answers += answers;
    this.#usualMs += usualMs;
    const elapsedMs = now - this.#since;
    if (elapsedMs < WINDOW_MS) return;
    this.#rates = nextRates(this.#rates, this.#answers / (elapsedMs / 1000), elapsedMs);
    this.#needed = bestNeed(this.#rates, this.#usualMs / this.#answers);
    this.#since = now;
    this.#answers = 0;
    this.#usualMs = 0;
  }

  /** @param limit of all together */
  most(limit: number): number {
    return Math.ceil(Math.max(limit / this.#workers, withReserve(this.#needed)));
  }
}
