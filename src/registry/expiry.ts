// One timer for all instances of the registry that expire unless they are renewed. It is set to the earliest
// expiry. A renewal does not change the timer, so it may fire too early. It is then set to the next expiry.
// After a pause of the process it fires late, and before the renewals that wait in sockets are read: they get
// time first.
import type { Schedule } from './schedule.js';

/** A timer that fires later than this, in milliseconds, does so after a pause of the process. */
const LATE_MS = 500;
/** Time for what has arrived in a pause to be read, in milliseconds. */
const READING_MS = 250;

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
    if (at < this.#at) this.#fireAt(at, false);
  }

  stop(): void {
    this.#cancel();
  }

  /** @param hasRead what has arrived in a pause was read */
  #fireAt(at: number, hasRead: boolean): void {
    this.#cancel();
    this.#at = at;
    this.#cancel = this.#schedule(Math.max(1, Math.ceil(at - this.#clock())), () => {
      const now = this.#clock();
      if (!hasRead && now - at > LATE_MS) {
        this.#fireAt(now + READING_MS, true);
        return;
      }
      this.#at = Number.POSITIVE_INFINITY;
      this.noLaterThan(this.#expire());
    });
  }
}
