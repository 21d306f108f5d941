// One timer for everything that expires: set to the earliest moment it was told of. A renewal does not touch
// it: when it fires too early, it asks when to fire next.
import type { Schedule } from './schedule.js';

export class ExpiryTimer {
  readonly #clock: () => number;
  readonly #schedule: Schedule;
  readonly #expire: () => number;
  #at = Number.POSITIVE_INFINITY;
  #cancel = (): void => undefined;

  /** @param expire lets go of what is due, and tells when the next is (Infinity: nothing is left) */
  constructor(time: { readonly clock: () => number; readonly schedule: Schedule }, expire: () => number) {
    this.#clock = time.clock;
    this.#schedule = time.schedule;
    this.#expire = expire;
  }

  /** Fires at that moment of the clock or before. */
  noLaterThan(at: number): void {
    if (at >= this.#at) return;
    this.#cancel();
    this.#at = at;
    this.#cancel = this.#schedule(Math.max(1, Math.ceil(at - this.#clock())), () => {
      this.#at = Number.POSITIVE_INFINITY;
      this.noLaterThan(this.#expire());
    });
  }

  stop(): void {
    this.#cancel();
  }
}
