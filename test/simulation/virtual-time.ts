// Virtual time for code that waits for promises. After every moment of the agenda, the continuations of
// promises run to their end before the next moment comes, so a run depends on its seed alone.
import { performance } from 'node:perf_hooks';
import { Agenda } from '#bench/overload/agenda.js';
import type { Schedule } from '#src/registry/schedule.js';
import type { Sleep } from '#src/resilience/policy.js';

/**
 * All continuations have run when an immediate does, and what they left to the next turn when the second
 * does.
 */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

export class VirtualTime {
  readonly #agenda = new Agenda();
  #mustSettle = false;

  /** Milliseconds since the simulation began. */
  get now(): number {
    return this.#agenda.now;
  }

  readonly clock = (): number => this.#agenda.now;

  readonly schedule: Schedule = (ms, fn) => {
    let isCancelled = false;
    this.#agenda.after(Math.max(0, ms), () => {
      if (isCancelled) return;
      this.#mustSettle = true;
      fn();
    });
    return () => {
      isCancelled = true;
    };
  };

  /** Runs `fn` after `ms`. It must settle no promise, and is cheaper for that. */
  quietly(ms: number, fn: () => void): void {
    this.#agenda.after(ms, fn);
  }

  /** Runs `fn` now and then every `ms`, to the end of the simulation. It must settle no promise. */
  every(ms: number, fn: () => void): void {
    fn();
    this.quietly(ms, () => this.every(ms, fn));
  }

  readonly sleep: Sleep = (ms, signal) =>
    new Promise((resolve, reject) => {
      const aborted = (): void => {
        cancel();
        reject(signal.reason as Error);
      };
      const cancel = this.schedule(ms, () => {
        signal.removeEventListener('abort', aborted);
        resolve();
      });
      if (signal.aborted) aborted();
      else signal.addEventListener('abort', aborted, { once: true });
    });

  /** Lets time pass up to a moment. */
  async runUntil(moment: number): Promise<void> {
    await settled();
    for (let at = this.#agenda.nextAt; at <= moment; at = this.#agenda.nextAt) {
      this.#mustSettle = false;
      this.#agenda.runUntil(at);
      if (this.#mustSettle) await settled();
    }
    this.#agenda.runUntil(moment);
  }

  /**
   * Does the same while `performance.now()` is this clock: deadlines of calls are read from it, in code that
   * has no other clock.
   */
  async runAsProcessClock(moment: number): Promise<void> {
    const own = Object.getOwnPropertyDescriptor(performance, 'now');
    Object.defineProperty(performance, 'now', { value: this.clock, configurable: true, writable: true });
    try {
      await this.runUntil(moment);
    } finally {
      if (own === undefined) Reflect.deleteProperty(performance, 'now');
      else Object.defineProperty(performance, 'now', own);
    }
  }
}
