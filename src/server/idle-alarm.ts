// Rings when nothing has happened for a while. One alarm of the wheel serves many touches: when it rings it
// looks at the last one and, if there is reason to, waits on. When it rings late it waits a little more,
// once: what would have touched it may have happened and not be known yet.
//
// The core has a clock of its own: it cuts a connection about 10 s after the first write that the socket did
// not take. An alarm that waits for longer has that clock started anew meanwhile.
import { type Alarm, LATE_MS, type TimerWheel } from './timer-wheel.js';

/** Between two starts of the core's clock. */
const HOLD_MS = 4000;

export class IdleAlarm {
  readonly #wheel: TimerWheel;
  readonly #idleMs: number;
  readonly #ring: () => void;
  readonly #hold: (() => void) | undefined;
  #alarm: Alarm | undefined;
  #touchedAt = 0;
  /** The touch since which it has waited a little more. */
  #grantedTo: number | undefined;

  /** @param hold called every few seconds of the silence; may stop the alarm */
  constructor(wheel: TimerWheel, idleMs: number, ring: () => void, hold?: () => void) {
    this.#wheel = wheel;
    this.#idleMs = idleMs;
    this.#ring = ring;
    this.#hold = hold;
  }

  /** Silence counts from now. */
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
