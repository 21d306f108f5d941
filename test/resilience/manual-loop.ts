// An event loop whose turns and time a test controls.
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

  /** Lets the thread work. */
  work(ms: number): void {
    this.#now += ms;
  }

  /** Ends the poll phase and begins the next one without a wait. */
  turn(): void {
    for (const callback of this.#callbacks.splice(0)) callback();
  }

  /** Ends the poll phase and lets the loop wait for events. */
  sleep(ms: number): void {
    this.turn();
    this.#now += ms;
    this.#slept += ms;
  }
}
