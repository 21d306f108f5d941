// The time that a thread has to end once it was ordered to.
import { Allowance } from '../allowance.js';

export interface EndDeadlineOptions {
  /** How long beyond its drain the thread may take, in milliseconds. */
  readonly graceMs: number;
  /** While a thread is stalled, the stall ladder deals with it, and it does not become overdue. */
  readonly isStalled: () => boolean;
  /** Called once, when the time is over. */
  readonly overdue: () => void;
}

export class EndDeadline {
  readonly #options: EndDeadlineOptions;
  /** When the drain ends at the latest, on the clock of `performance.now()`; infinity while there is none. */
  #drainEndsAt = Number.POSITIVE_INFINITY;
  #allowance: Allowance | undefined;
  #isOverdue = false;

  constructor(options: EndDeadlineOptions) {
    this.#options = options;
  }

  /** The thread was ordered to drain. */
  get isSet(): boolean {
    return this.#drainEndsAt !== Number.POSITIVE_INFINITY;
  }

  /** Milliseconds that are left of the drain at most; infinity while there is none. */
  get leftMs(): number {
    return this.#drainEndsAt - performance.now();
  }

  /** The time is over, and the thread has not ended. */
  get isOverdue(): boolean {
    return this.#isOverdue;
  }

  /** A further call can only shorten the drain. */
  drainWithin(ms: number): void {
    this.#drainEndsAt = Math.min(this.#drainEndsAt, performance.now() + ms);
  }

  /**
   * Starts the time. A further call can only shorten it, because code of a service can post again and again
   * that its thread leaves.
   */
  start(): void {
    const ms = (this.isSet ? Math.max(0, this.leftMs) : 0) + this.#options.graceMs;
    if ((this.#allowance?.leftMs ?? Number.POSITIVE_INFINITY) <= ms) return;
    this.#allowance?.cancel();
    this.#allowance = new Allowance(ms, () => this.#expire());
  }

  /** The thread has ended. */
  cancel(): void {
    this.#allowance?.cancel();
  }

  #expire(): void {
    this.#allowance = undefined;
    if (this.#isOverdue) return;
    if (this.#options.isStalled()) {
      this.start();
      return;
    }
    this.#isOverdue = true;
    this.#options.overdue();
  }
}
