// One timer for all instances of the registry that expire unless they are renewed. It is set to the earliest
// expiry. A renewal does not change the timer, so it may fire too early. It is then set to the next expiry.
// After a pause of the process nothing expires for a while: renewals wait in sockets, and clients whose
// requests have timed out meanwhile connect again. So that a pause is noticed whenever it ends, the timer
// fires every second.
import type { Schedule } from './schedule.js';

/** The timer fires at least this often, in milliseconds, while there is anything that can expire. */
const BEAT_MS = 1_000;
/** A timer that fires later than this, in milliseconds, does so after a pause of the process. */
const LATE_MS = 500;
/**
 * Time after a pause, in milliseconds. Processes that share the registry of this one try to connect again
 * after a second at most.
 */
const RETURN_MS = 2_000;

export class ExpiryTimer {
  readonly #clock: () => number;
  readonly #schedule: Schedule;
  readonly #expire: () => number;
  #at = Number.POSITIVE_INFINITY;
  /** When the timer is to fire; Infinity: there is none. */
  #firesAt = Number.POSITIVE_INFINITY;
  /** Nothing expires before. */
  #heldUntil = Number.NEGATIVE_INFINITY;
  #cancel = (): void => undefined;

  /** @param expire removes what has expired and returns the time of the next expiry (Infinity: none) */
  constructor(time: { readonly clock: () => number; readonly schedule: Schedule }, expire: () => number) {
    this.#clock = time.clock;
    this.#schedule = time.schedule;
    this.#expire = expire;
  }

  /** Makes the timer expire what is due at the time `at` of `clock`, or earlier. */
  noLaterThan(at: number): void {
    if (at >= this.#at) return;
    this.#at = at;
    this.#arm();
  }

  stop(): void {
    this.#cancel();
    this.#at = Number.POSITIVE_INFINITY;
  }

  #arm(): void {
    const now = this.#clock();
    const firesAt = Math.min(Math.max(this.#at, this.#heldUntil, now + 1), now + BEAT_MS);
    if (this.#at === Number.POSITIVE_INFINITY || firesAt >= this.#firesAt) return;
    this.#cancel();
    this.#firesAt = firesAt;
    this.#cancel = this.#schedule(Math.ceil(firesAt - now), () => this.#fire());
  }

  #fire(): void {
    const now = this.#clock();
    if (now - this.#firesAt > LATE_MS) this.#heldUntil = now + RETURN_MS;
    this.#firesAt = Number.POSITIVE_INFINITY;
    if (now >= Math.max(this.#at, this.#heldUntil)) {
      this.#at = Number.POSITIVE_INFINITY;
      const next = this.#expire();
      this.#at = Math.min(this.#at, next);
    }
    this.#arm();
  }
}
