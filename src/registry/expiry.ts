// One timer for all instances of the registry that expire unless they are renewed. It is set to the earliest
// expiry. A renewal does not change the timer, so it may fire too early. It is then set to the next expiry.
import type { Schedule } from './schedule.js';

export class ExpiryTimer {
  readonly #clock: () => number;
  readonly #schedule: Schedule;
  readonly #expire: () => number;
  #at = Number.POSITIVE_INFINITY;
  #cancel = (): void => undefined;

  /** @param expire removes what has expired and returns the time of the next expiry (Infinity: none) */
  constructor(time: { readonly clock: () => number; readonly schedule: Schedule }, expire: () => number) {
    this.#clock = time.clock;
    this.#schedule = time.schedule;
    this.#expire = expire;
  }

  /** Makes the timer fire at the time `at` of `clock`, or earlier. */
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
