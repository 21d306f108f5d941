// A loop whose turns and time a test makes.
import type { LoopSignals } from '#src/resilience/loop-signals.js';

export class ManualLoop implements LoopSignals {
  #now: number;
  #slept = 0;
  #callbacks: (() => void)[] = [];

  constructor(now = 1_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  sleptMs(): number {
    return this.#slept;
  }

  afterPoll(callback: () => void): void {
    this.#callbacks.push(callback);
  }

  /** Callbacks that wait for the end of the poll phase. */
  get waiting(): number {
    return this.#callbacks.length;
  }

  /** The thread works. */
  work(ms: number): void {
    this.#now += ms;
  }

  /** The poll phase ends, and the next one begins without having waited. */
  turn(): void {
    for (const callback of this.#callbacks.splice(0)) callback();
  }

  /** The poll phase ends, and the loop waits for events. */
  sleep(ms: number): void {
    this.turn();
    this.#now += ms;
    this.#slept += ms;
  }
}
