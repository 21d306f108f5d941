// An alarm that rings after a period without activity. One alarm of the timer wheel serves many touches: when
// it rings it compares the time of the last touch and, if necessary, waits on. When it rings late it waits a
// little more, once, because a touch may be due that has not been processed yet.
//
// The core has a time-out of its own: it cuts a connection about 10 s after the first write that the socket
// did not take. An alarm with a longer period restarts that time-out meanwhile, by `hold`.
import { type Alarm, LATE_MS, type TimerWheel } from './timer-wheel.js';

/** Time between two restarts of the core's time-out. */
const HOLD_MS = 4000;

export class IdleAlarm {
  readonly #wheel: TimerWheel;
  readonly #idleMs: number;
  readonly #ring: () => void;
  readonly #hold: (() => void) | undefined;
  #alarm: Alarm | undefined;
  #touchedAt = 0;
  /** The touch for which the alarm has waited a little more already. */
  #grantedTo: number | undefined;

  /** @param hold called every few seconds without activity; may stop the alarm */
  constructor(wheel: TimerWheel, idleMs: number, ring: () => void, hold?: () => void) {
    this.#wheel = wheel;
    this.#idleMs = idleMs;
    this.#ring = ring;
    this.#hold = hold;
  }

  /** Starts the period, or starts it anew. */
  start(): void {
    this.touch();
    this.#alarm?.cancel();
    this.#wait(this.#idleMs);
  }

  touch(): void {
    this.#touchedAt = this.#wheel.now();
  }

  stop(): void {
    this.#alarm?.cancel();
    this.#alarm = undefined;
  }

  #wait(ms: number): void {
    const stepMs = this.#hold === undefined ? ms : Math.min(ms, HOLD_MS);
    this.#alarm = this.#wheel.after(stepMs, () => {
      const left = this.#touchedAt + this.#idleMs - this.#wheel.turnedAt;
      if (left > 0) {
        this.#wait(left);
        this.#hold?.();
      } else if (this.#wheel.isLate && this.#grantedTo !== this.#touchedAt) {
        this.#grantedTo = this.#touchedAt;
        this.#wait(LATE_MS);
      } else this.#ring();
    });
  }
}
